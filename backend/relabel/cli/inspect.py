"""Commands that only look."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from relabel.cli.options import (
    JsonOption,
    ProjectOption,
    RunOption,
    console,
    opened,
    refuse_missing_store,
)
from relabel.errors import NotReadyError

if TYPE_CHECKING:
    from relabel.service.doctor.findings import Finding
    from relabel.service.export.archive import Archive

WATCH_SECONDS = 1.0
"""Pause between two looks."""
APART = ("project", "title", "round_running", "accounts", "unknown_choices")
"""Figures that the table shows in another form than key and value."""


def doctor(
    project: Annotated[int | None, typer.Option("--project", "-p", help="Id of a project.")] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also count the votes of every task anew.")
    ] = False,
) -> None:
    """Check everything between Label Studio and this backend, and say what to do.

    Example: relabel doctor --project 3
    """
    from relabel.service.doctor.checkup import examine_project
    from relabel.service.doctor.health import examine_server
    from relabel.storage.database import reading
    from relabel.storage.projects import list_projects

    with opened(new=True) as context:
        findings = examine_server(context)
        with reading(context.engine) as connection:
            numbers = [p.id for p in list_projects(connection)] if project is None else [project]
        _print_findings("server", findings)
        for number in numbers:
            found = examine_project(context, number, deep=deep)
            findings += found
            _print_findings(f"project {number}", found)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _print_findings(title: str, findings: "list[Finding]") -> None:
    console.print(f"[bold]{title}[/bold]")
    lines = Table.grid(padding=(0, 1))
    for finding in findings:
        mark = "[green]ok[/green]" if finding.ok else "[red]problem[/red]"
        lines.add_row(" ", mark, f"{finding.check}:", Text(finding.text, overflow="fold"))
    console.print(lines)


def status(
    project: Annotated[
        int | None, typer.Option("--project", "-p", help="Id of the project; else all of them.")
    ] = None,
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
) -> None:
    """Say where a project stands.

    Example: relabel status --project 3 --watch
    """
    from rich.live import Live

    from relabel.service.export.archive import find_archive
    from relabel.service.insight.status import project_status
    from relabel.settings import Settings
    from relabel.storage.database import open_database, reading
    from relabel.storage.projects import list_projects

    settings = Settings.from_env()
    refuse_missing_store(settings)
    engine = open_database(settings.database())

    def look() -> list[dict[str, Any]]:
        return [project_status(engine, settings, number) for number in numbers]

    archive = None if project is None else find_archive(engine, settings, project)
    if archive is not None:
        _print_archive(archive, as_json=as_json)
        return
    with reading(engine) as connection:
        numbers = [p.id for p in list_projects(connection)] if project is None else [project]
    if not numbers:
        raise NotReadyError("No project is connected. Connect one: relabel connect --project 1")
    if as_json:
        found = look()
        typer.echo(json.dumps(found if project is None else found[0], indent=2))
        return
    if not watch:
        console.print(*map(status_table, look()), sep="\n")
        return
    with suppress(KeyboardInterrupt), Live(console=console) as live:
        while True:
            live.update(Group(*map(status_table, look())))
            time.sleep(WATCH_SECONDS)


def _print_archive(archive: "Archive", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(archive.to_json(), indent=2))
        return
    text = f"Project {archive.project} ({archive.title}) was detached on {archive.day}; its files:"
    for line in (text, *(f"  {path}" for path in archive.files()), archive.told):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def status_table(figures: dict[str, Any]) -> Table:
    """Return the figures of a project as a table, with a bar while a round runs."""
    from rich.progress_bar import ProgressBar

    table = Table(title=f"Project {figures['project']}: {figures['title']}", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for key, value in figures.items():
        if key not in APART and value not in ("", None, []):
            table.add_row(key.replace("_", " "), str(value))
    running = figures["round_running"]
    if running:
        left = running["seconds_left"]
        eta = f", about {left:.0f} s left" if left is not None else ""
        text = f"{running['stage']}: {running['done']} of {running['total']}{eta}"
        table.add_row(f"round {running['number']} is running", text)
        bar = ProgressBar(total=max(running["total"], 1), completed=running["done"], width=40)
        table.add_row("", bar)
    lines = [line for book in figures["accounts"].values() for line in book["lines"]]
    table.add_row("what was read", Text("\n".join(lines)))
    return table


def log(project: ProjectOption, run: RunOption = None) -> None:
    """List what was written into a project, by run.

    Example: relabel log --project 3 --run round-2
    """
    from relabel.storage.database import reading
    from relabel.storage.projects import get_project
    from relabel.storage.writes import count_writes, list_writes

    with opened() as context, reading(context.engine) as connection:
        get_project(connection, project)
        if run is None:
            for name, counted in count_writes(connection, project).items():
                parts = ", ".join(f"{what}: {n}" for what, n in counted.items())
                console.print(f"{name}: {parts}", highlight=False)
        for write in list_writes(connection, project, run) if run is not None else []:
            when = datetime.fromtimestamp(write.at, UTC).isoformat(timespec="seconds")
            text = f"{when} {write.what} {write.target}: {write.before} -> {write.after}"
            console.print(text, highlight=False, markup=False, soft_wrap=True)
