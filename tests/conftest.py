"""A real Label Studio and real backend processes, for the live and the browser tests."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from compiled_once import create_engine_once
from hypothesis import settings
from relabel.demo import accounts, api, digits, upload
from relabel.demo.accounts import Account
from relabel.demo.queue_state import QueueState, read_queue
from relabel.demo.servers import processes
from relabel.demo.servers.backend import Backend
from relabel.demo.servers.label_studio import DATABASE, Administrator, start_label_studio
from relabel.demo.servers.processes import Server
from relabel.storage import database

LABEL_STUDIO_BIN = Path(
    os.environ.get(
        "RELABEL_TEST_LABEL_STUDIO_BIN",
        Path(__file__).parents[1] / ".venv-label-studio" / "bin",
    )
)
settings.register_profile("quick", max_examples=25)  # of make check; make test has 100
FLAGS = os.environ.get("RELABEL_TEST_LABEL_STUDIO_FLAGS", "").split()
"""Feature flags of Label Studio that are switched on, by name."""
ANNOTATORS = 3
ADMINISTRATOR = Administrator("admin@example.com", "admin-password", "a" * 40)


@dataclass(frozen=True, slots=True)
class LabelStudio:
    """The session's Label Studio. original: id of the user that old labels stand under."""

    server: Server
    admin: httpx.Client
    annotators: list[Account]
    original: int
    database: Path

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def token(self) -> str:
        return ADMINISTRATOR.token


@dataclass(frozen=True, slots=True)
class Project:
    """One test's own project. truth: right class by image name; tasks: ids, in upload order."""

    id: int
    truth: dict[str, str]
    tasks: list[int]
    label_studio: LabelStudio

    def queue(self) -> QueueState:
        """Return scores, votes and locks as of now."""
        return read_queue(self.label_studio.database, self.id)

    def settings(self) -> dict[str, Any]:
        """Return the project as Label Studio stores it."""
        settings: dict[str, Any] = api.get(self.label_studio.admin, f"/api/projects/{self.id}/")
        return settings

    def export(self) -> list[dict[str, Any]]:
        """Return all tasks with their annotations and predictions."""
        path = f"/api/projects/{self.id}/export"
        params = {"exportType": "JSON", "download_all_tasks": "true"}
        tasks: list[dict[str, Any]] = api.get(self.label_studio.admin, path, **params)
        return tasks

    def true_label(self, task: int) -> str:
        """Return the right class of a task."""
        return self.truth_of(api.get(self.label_studio.admin, f"/api/tasks/{task}/"))

    def truth_of(self, task: Mapping[str, Any]) -> str:
        """Return the right class of a task as Label Studio hands it out."""
        return self.truth[upload.image_name(task["data"]["image"])]

    def annotate(self, annotator: Account, task: int, label: str) -> dict[str, Any]:
        """Submit an annotation in somebody's name and return it."""
        with api.connect(self.label_studio.url, annotator.token) as client:
            body = {"result": upload.choice(label), "lead_time": 1.0}
            annotation: dict[str, Any] = api.post(client, f"/api/tasks/{task}/annotations/", body)
        return annotation


@dataclass(slots=True)
class LiveBackend:
    """A running `relabel serve`, which can be killed and started again on the same data."""

    backend: Backend
    server: Server
    arguments: tuple[str, ...] = field(default=())

    @property
    def url(self) -> str:
        return self.backend.url

    def run(self, *arguments: str) -> str:
        """Run another `relabel` command with the same settings."""
        return self.backend.run(*arguments)

    def status(self, project: Project) -> dict[str, Any]:
        """Return what the backend says of a project."""
        return self.backend.status(project.id)

    def start_again(self) -> None:
        """Start the ended server again, on the same port and data."""
        self.server = self.backend.serve(*self.arguments)


LONG = "RELABEL_TEST_LONG"
"""Environment variable that asks for the long proofs."""


@pytest.hookimpl(tryfirst=True)  # before -m chooses among the marks
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Skip what takes minutes, and mark what asks for a PostgreSQL server."""
    skipped = pytest.mark.skip(reason="takes minutes: make test-long")
    for item in items:
        if item.get_closest_marker("long") and LONG not in os.environ:
            item.add_marker(skipped)
        chosen = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if "postgresql" in (*item.fixturenames, *(c for c in chosen if isinstance(c, str))):
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """A statement is compiled once for all stores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", create_engine_once)
        yield


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    if not (LABEL_STUDIO_BIN / "label-studio").exists():
        pytest.skip(f"Label Studio is not installed in {LABEL_STUDIO_BIN}: run `make test`")
    data = tmp_path_factory.mktemp("label-studio")
    port = processes.free_port(0)
    server = start_label_studio(
        LABEL_STUDIO_BIN,
        data,
        port=port,
        administrator=ADMINISTRATOR,
        extra=dict.fromkeys(FLAGS, "true"),
    )
    try:
        with api.connect(server.url, ADMINISTRATOR.token) as admin:
            people = [
                accounts.sign_up(
                    admin, f"ann{i}@example.com", f"ann-password-{i}", ("Annotator", str(i))
                )
                for i in range(1, ANNOTATORS + 1)
            ]
            original = accounts.technical_user(
                admin, "original@example.com", accounts.ORIGINAL_LABELS
            )
            yield LabelStudio(server, admin, people, original, data / DATABASE)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def label_studio_bin() -> Path:
    """The folder of the programs of Label Studio's environment."""
    return LABEL_STUDIO_BIN


@pytest.fixture(scope="session")
def make_project(label_studio: LabelStudio) -> Callable[..., Project]:
    """Create a project of digits: make_project(limit=60, noise_rate=0.2, seed=0, title=...)."""
    made = 0

    def make(
        limit: int = 60, noise_rate: float = 0.2, seed: int = 0, title: str = "Digits"
    ) -> Project:
        nonlocal made
        made += 1
        admin = label_studio.admin
        data = digits.load(noise_rate, np.random.default_rng(seed), limit)
        project = upload.create_project(admin, f"{title} {made}")
        upload.upload_digits(admin, project, data, labelled_by=label_studio.original)
        tasks = api.get(admin, "/api/tasks", project=project, page_size=limit)["tasks"]
        return Project(
            project, data.truth_by_name(), sorted(task["id"] for task in tasks), label_studio
        )

    return make


@pytest.fixture
def start_backend(
    label_studio: LabelStudio, tmp_path: Path
) -> Iterator[Callable[..., LiveBackend]]:
    """Start a backend: start_backend("--option", policy='window = 5', user="u", extra={...})."""
    with _backends(label_studio, tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_backend(
    label_studio: LabelStudio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., LiveBackend]]:
    """Start a backend that lives as long as its module's tests."""
    with _backends(label_studio, tmp_path_factory.mktemp("shared")) as start:
        yield start


@contextmanager
def _backends(label_studio: LabelStudio, tmp_path: Path) -> Iterator[Callable[..., LiveBackend]]:
    started: list[LiveBackend] = []

    def start(
        *arguments: str,
        policy: str = "",
        user: str = "",
        password: str = "",
        extra: Mapping[str, str] | None = None,
    ) -> LiveBackend:
        folder = tmp_path / f"backend{len(started)}"
        folder.mkdir()
        (folder / "policy.toml").write_text(f'encoder = "tiny"\n{policy}\n')
        backend = Backend(
            label_studio_url=label_studio.url,
            token=label_studio.token,
            data=folder / "data",
            port=processes.free_port(0),
            policy=folder / "policy.toml",
            user=user,
            password=password,
            extra=extra or {},
        )
        live = LiveBackend(backend, backend.serve(*arguments), arguments)
        started.append(live)
        return live

    try:
        yield start
    finally:
        for live in started:
            live.server.stop()
