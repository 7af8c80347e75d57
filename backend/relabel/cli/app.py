"""The command line's table of contents. Errors are one line, without a traceback."""

import sys
from collections.abc import Callable

import typer
from rich.console import Console
from rich.markup import escape

from relabel.cli import connecting, looking, serving, trying, working
from relabel.errors import RelabelError

COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serving.serve,
    "worker": serving.worker,
    "connect": connecting.connect,
    "detach": connecting.detach,
    "forget": connecting.forget,
    "doctor": looking.doctor,
    "status": looking.status,
    "round": working.round_,
    "reconcile": working.reconcile,
    "pause": working.pause,
    "resume": working.resume,
    "export": looking.export,
    "report": looking.report,
    "log": looking.log,
    "undo": working.undo,
    "demo": trying.demo,
    "simulate": trying.simulate,
    "forecast": trying.forecast,
}


def build_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        help="Find and fix the wrong labels of a Label Studio project, the most valuable first.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for name, command in COMMANDS.items():
        app.command(name=name)(command)
    return app


def main() -> None:
    """Run the command line; deliberate errors end with one line and exit code 1."""
    try:
        build_app()()
    except RelabelError as error:
        Console(stderr=True).print(f"[red]Error:[/red] {escape(str(error))}", highlight=False)
        sys.exit(1)
