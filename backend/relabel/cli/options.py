"""What several commands share: options, the console, and the opened context."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from relabel.cli.logs import configure_logging
from relabel.service.context import Context, open_context
from relabel.settings import Settings

console = Console()

ProjectOption = Annotated[int, typer.Option("--project", "-p", help="Id of the project.")]
RunOption = Annotated[str | None, typer.Option(help="Name of a run, e.g. round-2.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def opened() -> Iterator[Context]:
    """Open everything from the environment, and close it again."""
    settings = Settings.from_env()
    configure_logging(settings)
    context = open_context(settings)
    try:
        yield context
    finally:
        context.close()
