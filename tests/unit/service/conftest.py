import sys
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

# Tests are no packages: what several folders share is found by its folder.
sys.path.insert(0, str(Path(__file__).parents[2] / "contract"))

from wiring import connected, context, fake, store_template

__all__ = ["connected", "context", "fake", "store_template"]


@pytest.fixture
def backend_here():
    """The address of a server that answers as `relabel serve` does."""
    body = '{"status": "UP", "model_class": "relabel"}'
    server = make_server("127.0.0.1", 0, Response(body, mimetype="application/json"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()
