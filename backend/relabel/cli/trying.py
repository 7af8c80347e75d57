"""The demo."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Simulated annotators.")] = False,
    annotators: Annotated[int, typer.Option(help="Simulated annotators.")] = 3,
    votes: Annotated[int, typer.Option(help="Votes of the simulated annotators.")] = 150,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="File for the figures of a headless run.")
    ] = None,
    home: Annotated[Path, typer.Option(help="Folder of the demo.")] = Path(".relabel-demo"),
    label_studio: Annotated[
        Path, typer.Option("--label-studio-bin", help="Folder with the label-studio command.")
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
