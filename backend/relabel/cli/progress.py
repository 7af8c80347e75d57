"""How far a command is, while it works: a bar on a terminal, elsewhere one line for each stage."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars

from relabel.types import Progress


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yield what use cases tell their progress to; it goes to standard error and leaves no trace.

    What a command has found out is printed afterwards, on standard output.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _line_by_line(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("asking Label Studio", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            count = f": {done:,} of {total:,}" if total > 1 else ""
            bars.update(
                bar,
                description=f"{stage}{count}",
                completed=done,
                total=total if total > 1 else None,
            )

        yield tell


def _line_by_line(console: Console) -> Progress:
    told: set[str] = set()

    def tell(stage: str, _done: int, total: int) -> None:
        if stage not in told:
            told.add(stage)
            console.print(f"{stage}{f': {total:,}' if total > 1 else ''}", highlight=False)

    return tell
