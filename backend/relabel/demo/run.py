"""`relabel demo`: a real Label Studio, a project with wrong labels, and the sorted queue."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.panel import Panel

from relabel.demo import api, figures, stages
from relabel.demo.annotators import Campaign, ServedLog, poll
from relabel.demo.servers import processes
from relabel.demo.servers.backend import Backend
from relabel.demo.servers.label_studio import DATABASE, check_program, start_label_studio
from relabel.demo.servers.processes import Server
from relabel.demo.state import BACKEND_USER, DemoState
from relabel.errors import NotReadyError, RelabelError
from relabel.files import check_file, check_folder, read_json, write_file

POLICY = 'encoder = "tiny"  # needs no download\n'
CARRIED_SECONDS = 180.0
ROUNDS_WANTED = 2
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells count it."""

CONSOLE = Console(stderr=True)


def run_demo(
    *,
    home: Path,
    headless: bool,
    annotators: int,
    votes: int,
    json_out: Path | None,
    label_studio_bin: Path,
    label_studio_port: int = 8080,
    backend_port: int = 9090,
) -> int:
    """Run the demo and stop everything it started, whatever happens.

    Args:
        home: Keeps everything; a later run with the same folder continues where this one ends.
        headless: Let programs annotate and report, instead of waiting for a person.
        annotators: How many annotators there are.
        votes: How many answers the programs give in all, those of earlier runs included.
        json_out: Where to write the figures of a headless run; None = nowhere.
        label_studio_bin: The `bin` of the virtual environment that holds Label Studio.
        label_studio_port: Tried first; another one is taken if it is in use.
        backend_port: Likewise.

    Returns:
        Exit status: 0, or 1 if something failed or the figures of a headless run are wrong.
    """
    began = time.monotonic()
    check_folder(home, "--home")
    if json_out is not None:
        check_file(json_out, "--json")
    check_program(label_studio_bin)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)  # the terminal was closed
    home.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as running:
            running.enter_context(processes.only_one(home / "lock"))
            state = DemoState.open(home / "state.json", label_studio_port, backend_port)
            demo = _Demo(home.resolve(), state, running)
            demo.prepare(label_studio_bin, annotators)
            if not headless:
                demo.wait_for_person()
            return demo.annotate(annotators, votes, json_out, began)
    except KeyboardInterrupt:
        CONSOLE.print("Stopped. Run it again to continue, or `make demo-clean` to remove it.")
        return INTERRUPTED if headless else 0
    except RelabelError as error:
        CONSOLE.print(f"[bold red]The demo stopped:[/] {error}", highlight=False)
        return 1


class _Demo:
    """The running demo. Servers that it starts are stopped when `running` closes."""

    def __init__(self, home: Path, state: DemoState, running: ExitStack) -> None:
        self.home = home
        self.state = state
        self.running = running
        self.servers: list[Server] = []

    def prepare(self, label_studio_bin: Path, annotators: int) -> None:
        """Start the servers and bring the project to its first sorted queue."""
        state, home = self.state, self.home
        state.label_studio_port = processes.free_port(state.label_studio_port)
        state.backend_port = processes.free_port(state.backend_port)
        state.save()
        with _stage("Label Studio (its first start takes up to a minute)"):
            server = start_label_studio(
                label_studio_bin,
                home / "label-studio",
                port=state.label_studio_port,
                administrator=state.administrator,
            )
            self._keep(server)
        self.url = server.url
        self.admin = self.running.enter_context(api.connect(server.url, state.administrator.token))
        with _stage("Annotators"):
            stages.create_accounts(self.admin, state, annotators)
        with _stage("1,797 images with their old labels"):
            stages.fill_project(self.admin, state, home / "truth.json", _show_progress)
        (home / "policy.toml").write_text(POLICY)
        self.backend = Backend(
            label_studio_url=server.url,
            token=state.administrator.token,
            data=home / "relabel",
            port=state.backend_port,
            policy=home / "policy.toml",
            user=BACKEND_USER,
            password=state.backend_password,
        )
        with _stage("Backend"):
            self._keep(self.backend.serve())
        with _stage("Connection of the project"):
            stages.connect(self.backend, state)
        with _stage("First round: embed, train, score, sort"):
            stages.await_rounds(self.backend, state.project, 1, _say)

    def wait_for_person(self) -> NoReturn:
        """Show where to click and wait for Ctrl-C.

        Raises:
            KeyboardInterrupt: Always, in the end.
            NotReadyError: One of the servers ended.
        """
        CONSOLE.print(_invitation(self.url, self.backend.url, self.state))
        while all(server.process.poll() is None for server in self.servers):
            time.sleep(0.5)
        ended = [s for s in self.servers if s.process.poll() is not None]
        raise NotReadyError(f"{ended[0].name} ended by itself; see {ended[0].log}.")

    def annotate(self, annotators: int, votes: int, json_out: Path | None, began: float) -> int:
        """Let programs annotate, wait for the second round, report; 1 = something is wrong."""
        truth = read_json(self.home / "truth.json")
        log = ServedLog.open(self.home / "served.jsonl")
        before = int(self.backend.status(self.state.project)["votes"]) - len(log.served)
        campaign = Campaign(
            url=self.url,
            project=self.state.project,
            people=self.state.annotators[:annotators],
            truth=truth,
            database=self.home / "label-studio" / DATABASE,
            wait_until_carried=lambda served: self._await_carried(before + served),
        )
        with _stage(f"{votes} votes of {annotators} simulated annotators"):
            campaign.run(votes, log, _show_progress)
            self._await_carried(before + len(log.served))
        with _stage("Second round"):
            stages.await_rounds(self.backend, self.state.project, ROUNDS_WANTED, _say)
        result = figures.count(
            figures.export_votes(self.admin, self.state.project),
            truth,
            self.state.original_labels,
            log.served,
            self.backend.status(self.state.project),
        )
        result["seconds"] = round(time.monotonic() - began, 1)
        return _report(result, log, json_out)

    def _keep(self, server: Server) -> None:
        self.servers.append(server)
        self.running.callback(server.stop)

    def _await_carried(self, votes: int) -> None:
        def carried() -> bool:
            status = self.backend.status(self.state.project)
            return int(status["votes"]) >= votes and not status["pending_jobs"]

        if not poll(carried, seconds=CARRIED_SECONDS):
            raise NotReadyError(
                f"{votes} votes were not carried to Label Studio within {CARRIED_SECONDS:.0f} s; "
                f"see {self.backend.data / 'server.log'}."
            )


def _report(result: figures.Figures, log: ServedLog, json_out: Path | None) -> int:
    Console().print(figures.table(result))
    if json_out is not None:
        write_file(json_out, json.dumps(result, indent=2) + "\n", "--json")
    for one in [one for one in log.served if one.problem][:5]:
        CONSOLE.print(f"[red]Order:[/] {one.problem}", highlight=False)
    equal = result["votes_in_label_studio"] == result["votes_in_store"]
    if not equal:
        CONSOLE.print("[red]Votes:[/] Label Studio and the backend count differently.")
    return 0 if equal and result["queue_order_exact"] else 1


def _invitation(url: str, backend_url: str, state: DemoState) -> Panel:
    people = "\n".join(f"  {a.email}  password [bold]{a.password}[/]" for a in state.annotators)
    return Panel(
        f"Open [bold]{url}/projects/{state.project}/data[/] and log in as one of\n{people}\n"
        f"Press [bold]Label All Tasks[/]: the labels that look most wrong come first. Choose the "
        f"digit that you see (its key works too), then Submit.\n\n"
        f"Administrator: {state.administrator.email}  password "
        f"[bold]{state.administrator.password}[/]. The tab [bold]Relabel queue[/] shows what "
        f"comes next.\nBackend: {backend_url}  user {BACKEND_USER}  password "
        f"[bold]{state.backend_password}[/]\n\n"
        f"Ctrl-C stops everything. The next `make demo` continues here; `make demo-clean` "
        f"removes it.",
        title="The queue is sorted",
        expand=False,
    )


@contextmanager
def _stage(name: str) -> Iterator[None]:
    began = time.monotonic()
    CONSOLE.print(f"[bold]{name}[/] ...", highlight=False)
    yield
    CONSOLE.print(f"  done in {time.monotonic() - began:.1f} s", highlight=False)


def _say(text: str) -> None:
    CONSOLE.print(f"  {text}", highlight=False)


def _show_progress(stage: str, done: int, total: int) -> None:
    if done == total or done % max(1, total // 5) == 0:
        CONSOLE.print(f"  {stage}: {done} of {total}", highlight=False)
