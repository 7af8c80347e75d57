"""Commands that run processes: serve and worker."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from relabel.settings import Settings


def serve(
    worker: Annotated[bool, typer.Option(help="Also start a worker process.")] = True,
) -> None:
    """Serve the ML backend (and, unless told otherwise, a worker).

    Example: relabel serve
    """
    from relabel.cli.processes import run_server

    run_server(checked_settings(), with_worker=worker)


def worker(
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Carry out votes, rounds and sweeps; any number of workers may run.

    Example: relabel worker
    """
    from relabel.service.worker import run_worker

    run_worker(checked_settings(), parent=parent)


def checked_settings(**told: str) -> "Settings":
    """Return the settings once everything that is wrong without any project has been refused.

    told: settings that are not to be read from the environment.
    """
    from relabel.cli.logs import configure_logging
    from relabel.service.connected import policy_of
    from relabel.settings import Settings

    settings = Settings.from_env(**told)
    configure_logging(settings)
    settings.api_key()
    policy_of(settings, "")
    return settings
