"""Every command, each a few lines around a use case. Errors are one line, without a traceback."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from relabel.cli.logs import configure_logging
from relabel.errors import RelabelError, RoundInProgressError
from relabel.service.connect import connect as connect_project
from relabel.service.connect import detach as detach_project
from relabel.service.connect import plan_connect
from relabel.service.context import Context, open_context
from relabel.service.doctor import Finding, examine_project, examine_server
from relabel.service.jobs import open_queue, register_jobs
from relabel.service.rounds import run_round
from relabel.service.rounds_due import round_due_now
from relabel.service.status import project_status
from relabel.service.sweep import sweep_project
from relabel.settings import Settings
from relabel.storage.database import open_database, reading
from relabel.storage.projects import forget_project, get_project, list_projects

app = typer.Typer(
    help="Find and fix the wrong labels of a Label Studio project, the most valuable first.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
console = Console()

ProjectOption = Annotated[int, typer.Option("--project", "-p", help="Id of the project.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; deliberate errors end with one line and exit code 1."""
    try:
        app()
    except RelabelError as error:
        Console(stderr=True).print(f"[red]Error:[/red] {error}", highlight=False, markup=True)
        sys.exit(1)


@contextmanager
def _opened() -> Iterator[Context]:
    settings = Settings.from_env()
    configure_logging(settings)
    context = open_context(settings)
    try:
        yield context
    finally:
        context.close()


@app.command()
def serve(
    worker: Annotated[bool, typer.Option(help="Also start a worker process.")] = True,
) -> None:
    """Serve the ML backend (and, unless told otherwise, a worker).

    Example: relabel serve
    """
    from relabel.cli.processes import run_server  # noqa: PLC0415  only this command needs it

    settings = Settings.from_env()
    configure_logging(settings)
    settings.api_key()
    run_server(settings, with_worker=worker)


@app.command()
def worker(
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Carry out votes, rounds and sweeps; any number of workers may run.

    Example: relabel worker
    """
    from relabel.service.worker import run_worker  # noqa: PLC0415  only this command needs it

    settings = Settings.from_env()
    configure_logging(settings)
    run_worker(settings, parent=parent)


@app.command()
def connect(
    project: ProjectOption,
    params: Annotated[
        str | None, typer.Option(help="Policy keys, e.g. 'encoder = \"tiny\"'.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Connect a project: read it, set its queue up, register backend, webhook and tab.

    Example: relabel connect --project 3 --dry-run
    """
    with _opened() as context:
        plan = plan_connect(context, project, params)
        console.print(f"Connecting project {project} ({plan.project.title}) will", highlight=False)
        for step in plan.steps:
            console.print(f"  - {step}", highlight=False, markup=False)
        if dry_run:
            return
        if not yes and not typer.confirm("Go on?"):
            raise typer.Exit(1)
        connect_project(context, plan)
        register_jobs(open_queue(context.settings), lambda: context).ingest(project)
    console.print(f"Connected. The first round starts by itself; see: relabel status -p {project}")


@app.command()
def detach(project: ProjectOption, yes: YesOption = False) -> None:
    """Give a project back as it was before; people's annotations stay.

    Example: relabel detach --project 3
    """
    with _opened() as context:
        if not yes and not typer.confirm(
            f"Remove backend, webhook, tab and predictions of project {project}, restore its "
            f"settings and forget its rounds? (Best while nobody labels.)"
        ):
            raise typer.Exit(1)
        for line in detach_project(context, project):
            console.print(f"  - {line}", highlight=False)


@app.command()
def forget(project: ProjectOption, yes: YesOption = False) -> None:
    """Forget a project that no longer exists in Label Studio.

    Example: relabel forget --project 3
    """
    with _opened() as context:
        if not yes and not typer.confirm(f"Forget all that is stored about project {project}?"):
            raise typer.Exit(1)
        with context.engine.begin() as connection:
            get_project(connection, project)
            forget_project(connection, project)


@app.command()
def doctor(
    project: Annotated[int | None, typer.Option("--project", "-p", help="Id of a project.")] = None,
) -> None:
    """Check everything between Label Studio and this backend, and say what to do.

    Example: relabel doctor --project 3
    """
    with _opened() as context:
        findings = examine_server(context)
        with reading(context.engine) as connection:
            numbers = [p.id for p in list_projects(connection)] if project is None else [project]
        _print_findings("server", findings)
        for number in numbers:
            found = examine_project(context, number)
            findings += found
            _print_findings(f"project {number}", found)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def status(project: ProjectOption, as_json: JsonOption = False) -> None:
    """Say where a project stands.

    Example: relabel status --project 3 --json
    """
    settings = Settings.from_env()
    engine = open_database(settings.database())
    figures = project_status(engine, settings, project)
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    table = Table(title=f"Project {project}: {figures['title']}", show_header=False)
    for key, value in figures.items():
        table.add_row(key.replace("_", " "), str(value))
    console.print(table)


@app.command(name="round")
def round_(
    project: ProjectOption,
    due: Annotated[bool, typer.Option(help="Only if one is due.", hidden=True)] = False,
) -> None:
    """Train the selector and re-order the queue now.

    Example: relabel round --project 3
    """
    with _opened() as context:
        reason = round_due_now(context, project)
        if due and not reason:
            return
        if due:
            logging.getLogger("relabel.round").info("project %s: %s", project, reason)
        try:
            done = run_round(context, project)
        except RoundInProgressError:
            if due:
                return
            raise
        console.print(f"Round {done.number} is published as {done.model_version}: {done.record}")


@app.command()
def reconcile(project: ProjectOption) -> None:
    """Read the whole project again and repair whatever was missed.

    Example: relabel reconcile --project 3
    """
    with _opened() as context:
        with reading(context.engine) as connection:
            known = get_project(connection, project)
        sweep_project(context, known, full=True)
        figures = project_status(context.engine, context.settings, project)
        console.print(f"{figures['tasks']} tasks, {figures['votes']} votes since connecting.")


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Simulated annotators.")] = False,
    annotators: Annotated[int, typer.Option(help="Simulated annotators.")] = 3,
    votes: Annotated[int, typer.Option(help="Votes of the simulated annotators.")] = 150,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="File for the figures of a headless run.")
    ] = None,
    home: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path(".relabel-demo"),
    label_studio: Annotated[
        Path, typer.Option(help="Folder with the label-studio command.")
    ] = Path(".venv-label-studio/bin"),
) -> None:
    """Start a real Label Studio with handwritten digits, a fifth of them wrongly labelled.

    Example: relabel demo --headless --votes 150 --json demo.json
    """
    from relabel.demo.run import run_demo  # noqa: PLC0415  needs scikit-learn's images

    code = run_demo(
        home=home,
        headless=headless,
        annotators=annotators,
        votes=votes,
        json_out=json_out,
        label_studio_bin=label_studio,
    )
    raise typer.Exit(code)


def _print_findings(title: str, findings: list[Finding]) -> None:
    console.print(f"[bold]{title}[/bold]")
    for finding in findings:
        mark = "[green]ok     [/green]" if finding.ok else "[red]problem[/red]"
        console.print(f"  {mark} {finding.check}: ", end="")
        console.print(finding.text, markup=False, highlight=False)
