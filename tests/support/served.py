"""Programs behind an address of this machine: the imitated Label Studio, or any other one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fake_label_studio import FakeLabelStudio
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

BACKEND = Response('{"status": "UP", "model_class": "relabel"}', mimetype="application/json")
"""What `relabel serve` answers at /health."""


class _Silent(WSGIRequestHandler):
    def log(self, *_args: Any) -> None:
        """Leave standard error to what is tested."""


@contextmanager
def served(application: Callable[..., Any]) -> Iterator[str]:
    """Yield the address at which the application answers until the block ends."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def over_http(fake: FakeLabelStudio) -> Callable[..., Any]:
    """Return the imitated Label Studio as a WSGI application, for commands in other processes."""
    guard = threading.Lock()

    @Request.application
    def application(request: Request) -> Response:
        sent = httpx.Request(request.method, request.url, content=request.get_data())
        with guard:
            answer = fake.answer(sent)
        return Response(answer.content, answer.status_code, mimetype="application/json")

    return application
