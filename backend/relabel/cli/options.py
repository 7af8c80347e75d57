"""What several commands share: options, the console, and the opened context."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from relabel.errors import NotReadyError
from relabel.files import told

if TYPE_CHECKING:
    from relabel.service.context import Context
    from relabel.settings import Settings

console = Console()

ProjectOption = Annotated[int, typer.Option("--project", "-p", help="Id of the project.")]
RunOption = Annotated[str | None, typer.Option(help="Name of a run, e.g. round-2.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def refuse_missing_store(settings: "Settings") -> None:
    """Refuse to look for projects where none was ever connected, such as in another folder.

    Raises:
        NotReadyError: naming the folder.

    """
    elsewhere = settings.database_url or settings.database_url_file
    if not elsewhere and not settings.store().exists():
        raise NotReadyError(
            f"No project is connected: there is no store in RELABEL_DATA_DIR = "
            f"{told(settings.data_dir)}. Go to the folder that it is meant from, or connect one: "
            "relabel connect --project 1"
        )


@contextmanager
def opened(*, new: bool = False) -> "Iterator[Context]":
    """Open everything from the environment, and close it again.

    Args:
        new: a store that is not there yet is made; else nothing is, and that is told.

    Raises:
        NotReadyError: there is no store.

    """
    from relabel.cli.logs import configure_logging
    from relabel.service.context import open_context
    from relabel.settings import Settings

    settings = Settings.from_env()
    configure_logging(settings)
    if not new:
        refuse_missing_store(settings)
    context = open_context(settings)
    try:
        yield context
    finally:
        context.close()
