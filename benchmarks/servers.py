"""What the benchmarks with a real Label Studio share: servers, a large project, an odd network.

Images are digits, shared by many tasks where a project has more tasks than there are digits:
Label Studio, the store and the queue do not care, and nothing has to be downloaded.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from relabel.demo import accounts, api, digits
from relabel.demo.accounts import Account
from relabel.demo.digits import CLASSES
from relabel.demo.servers import processes
from relabel.demo.servers.backend import Backend
from relabel.demo.servers.label_studio import DATABASE, Administrator, start_label_studio
from relabel.demo.upload import FILES_PER_REQUEST, choice, create_project, image_name
from relabel.labelstudio.contract import WEBHOOK_TOKEN_HEADER

ADMINISTRATOR = Administrator("admin@example.com", "admin-password", "a" * 40)
NOISE_RATE = 0.2
BIN = Path(
    os.environ.get(
        "RELABEL_TEST_LABEL_STUDIO_BIN",
        Path(__file__).resolve().parents[1] / ".venv-label-studio" / "bin",
    )
)


class LabelStudioServer:
    """A throw-away Label Studio with a team, which can be restarted on the same data."""

    def __init__(self, folder: Path, annotators: int) -> None:
        self.folder = folder
        self.port = processes.free_port(0)
        self.server = self._start()
        self.admin = api.connect(self.url, ADMINISTRATOR.token)
        self.people: list[Account] = [
            accounts.sign_up(self.admin, f"a{i}@example.com", f"pass-word-{i}", ("A", str(i)))
            for i in range(annotators)
        ]
        self.original = accounts.technical_user(
            self.admin, "original@example.com", accounts.ORIGINAL_LABELS
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.folder / DATABASE

    def restart(self) -> None:
        """End it, and start it again on the same data and port."""
        self.server.stop()
        self.server = self._start()

    def stop(self) -> None:
        """End it."""
        self.admin.close()
        self.server.stop()

    def _start(self) -> processes.Server:
        return start_label_studio(BIN, self.folder, port=self.port, administrator=ADMINISTRATOR)


@contextmanager
def label_studio(folder: Path, annotators: int) -> Iterator[LabelStudioServer]:
    """Start a Label Studio, and stop it whatever happens."""
    server = LabelStudioServer(folder, annotators)
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True)
class Filled:
    """A project. truth: right class by the name of the image."""

    id: int
    truth: dict[str, str]

    def truth_of(self, task: Mapping[str, Any]) -> str:
        """Return the right class of a task that was served."""
        return self.truth[image_name(task["data"]["image"])]


def fill(server: LabelStudioServer, title: str, tasks: int, images: int, seed: int = 0) -> Filled:
    """Create a project of so many tasks over so many images, a fifth of them wrongly labelled."""
    rng = np.random.default_rng(seed)
    data = digits.load(0.0, rng, min(images, tasks))
    project = create_project(server.admin, title)
    rows = range(len(data.truth))
    for first in range(0, len(rows), FILES_PER_REQUEST):
        files = {
            f"file{row}": (data.name(row), digits.png(data.pixels[row]), "image/png")
            for row in rows[first : first + FILES_PER_REQUEST]
        }
        path = f"/api/projects/{project}/import"
        server.admin.post(path, files=files, params={"commit_to_project": "false"})
    uploads = api.get(server.admin, f"/api/projects/{project}/file-uploads", all="true")
    address = {image_name(one["file"]): f"/data/{one['file']}" for one in uploads}
    wrong = rng.random(tasks) < NOISE_RATE
    shift = rng.integers(1, len(CLASSES), size=tasks)
    bodies = []
    for number in range(tasks):
        row = number % len(rows)
        label = (data.truth[row] + wrong[number] * shift[number]) % len(CLASSES)
        old = {
            "result": choice(CLASSES[label]),
            "completed_by": server.original,
            "ground_truth": False,
        }
        bodies.append({"data": {"image": address[data.name(row)]}, "annotations": [old]})
    for first in range(0, tasks, 5000):
        api.post(server.admin, f"/api/projects/{project}/import", bodies[first : first + 5000])
    return Filled(project, data.truth_by_name())


def make_backend(
    server: LabelStudioServer, data: Path, policy: str, *, port: int = 0, **extra: str
) -> Backend:
    """Set up a backend; port: 0 = any free one; extra: environment variables."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "policy.toml").write_text(f'encoder = "tiny"\n{policy}\n')

    return Backend(
        label_studio_url=server.url,
        token=ADMINISTRATOR.token,
        data=data,
        port=port or processes.free_port(0),
        policy=data / "policy.toml",
        extra=extra,
    )


@dataclass
class OddNetwork:
    """Stands between Label Studio and the web processes; loses and repeats some of the webhooks.

    seconds: how long the web processes took to answer each webhook that they did answer.
    """

    targets: Sequence[str]
    drop: float
    duplicate: float
    port: int = field(default_factory=lambda: processes.free_port(0))
    events: int = 0
    dropped: int = 0
    duplicated: int = 0
    seed: int = 0
    seconds: list[float] = field(default_factory=list)
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=10.0, trust_env=False), repr=False
    )

    @property
    def url(self) -> str:
        """Address that Label Studio is told."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["OddNetwork"]:
        """Listen for as long as the block runs."""
        network = self
        rng = np.random.default_rng(self.seed)
        guard = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(*network.forward("GET", self.path, b"", self.headers))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with guard:
                    luck = rng.random()
                if self.path != "/webhook":
                    self.answer(*network.forward("POST", self.path, body, self.headers))
                    return
                network.events += 1
                if luck < network.drop:
                    network.dropped += 1
                    self.answer(200, b"{}")
                    return
                if luck > 1 - network.duplicate:
                    network.duplicated += 1
                    network.report(body, self.headers)
                self.answer(*network.report(body, self.headers))

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # Label Studio hung up: it waits a second at most

        server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            self.client.close()

    def report(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Pass a webhook on, and note how long it took."""
        began = time.monotonic()
        status, answer = self.forward("POST", "/webhook", body, headers)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self.seconds.append(time.monotonic() - began)
        return status, answer

    def forward(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Pass a request on to the web processes in turns; 502 if none is there."""
        names = ("content-type", "authorization", WEBHOOK_TOKEN_HEADER.lower())
        kept = {k: v for k, v in headers.items() if k.lower() in names}
        first = self.events % len(self.targets)
        for target in (*self.targets[first:], *self.targets[:first]):
            try:
                answer = self.client.request(method, target + path, content=body, headers=kept)
            except httpx.TransportError:
                continue
            return answer.status_code, answer.content
        return 502, b"{}"
