"""The command line's table of contents. Errors are one line, without a traceback."""

import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from relabel import __version__
from relabel.cli import control, export, inspect, run, setup, simulate
from relabel.errors import RelabelError
from relabel.files import reason, told

COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Set up": {
        "serve": run.serve,
        "worker": run.worker,
        "connect": setup.connect,
        "doctor": inspect.doctor,
    },
    "Watch and steer": {
        "status": inspect.status,
        "round": control.round_,
        "cancel": control.cancel,
        "pause": control.pause,
        "resume": control.resume,
        "reconcile": control.reconcile,
        "audit": control.audit,
        "settle": control.settle,
        "log": inspect.log,
        "undo": control.undo,
    },
    "Take out what was found": {
        "export": export.export,
        "report": export.report,
        "forecast": simulate.forecast,
    },
    "Give a project back": {
        "detach": setup.detach,
        "forget": setup.forget,
    },
    "Try it without a project of your own": {
        "demo": simulate.demo,
        "simulate": simulate.simulate,
    },
}
"""Every command by the heading under which the help lists it."""

FORMER: dict[str, Callable[..., None]] = {"stop": control.cancel}
"""Names that commands had before; they still work, and no help lists them."""


HELP = "Find and fix the wrong labels of a Label Studio project, the most valuable first."


def build_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback(help=HELP)(_version_option)
    for heading, commands in COMMANDS.items():
        for name, command in commands.items():
            app.command(name=name, rich_help_panel=heading)(command)
    for name, command in FORMER.items():
        app.command(name=name, hidden=True)(command)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"relabel {__version__}")
        raise typer.Exit


def _version_option(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def main() -> None:
    """Run the command line; deliberate errors and trouble of the system end with one line and 1."""
    try:
        build_app()()
    except RelabelError as error:
        _end(str(error))
    except BrokenPipeError:
        sys.exit(1)  # whoever read the output has seen enough
    except OSError as error:
        _end(f"{told(error.filename)}: {reason(error)}." if error.filename else f"{reason(error)}.")


def _end(text: str) -> NoReturn:
    Console(stderr=True).print(f"[red]Error:[/red] {escape(text)}", highlight=False)
    sys.exit(1)
