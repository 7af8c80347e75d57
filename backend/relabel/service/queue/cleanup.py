"""Removing the predictions of former rounds, one by one and with rests.

Label Studio deletes all predictions of a version in one go as well, but with SQLite nobody can
submit anything until that is done: a minute for ten thousand tasks.
"""

import logging
import time

from sqlalchemy import Connection

from relabel.service.context import Context
from relabel.storage.database import reading
from relabel.storage.journal.events import last_labelling
from relabel.storage.locks import tidy_lock
from relabel.storage.rounds import RoundState, list_rounds

log = logging.getLogger("relabel.predictions")

KEPT = 2
"""Published rounds whose predictions stay: the one in force, and what undoing it returns to."""
STEP_SECONDS = 20.0
"""How long one step lasts at most; the next sweep takes the next one."""
IDLE_SECONDS = 300.0
"""Nobody is labelling when no annotation was saved for so long."""
MOMENT_SECONDS = 60.0
"""The same for a person who waits for the end of it."""
REST = {"labelling": 4.0, "idle": 0.25}
"""Rest after each deletion, in multiples of the time that it took: Label Studio spends a fifth of
its time on this while people label."""


def old_versions(connection: Connection, number: int) -> list[str]:
    """Return the model versions of rounds whose predictions nobody needs any more."""
    rounds = list_rounds(connection, number)
    published = [r.model_version for r in rounds if r.state is RoundState.PUBLISHED]
    kept = {r.model_version for r in rounds if r.state is RoundState.RUNNING}
    kept |= set(published[-KEPT:])
    return [r.model_version for r in rounds if r.model_version not in kept]


def remove_old_predictions(context: Context, number: int) -> int:
    """Remove predictions of former rounds for a while; return how many.

    Does nothing where another process is at it.
    """
    with reading(context.engine) as connection:
        old = old_versions(connection, number)
        idle = time.time() - last_labelling(connection, number) > IDLE_SECONDS
    if not old:
        return 0
    removed = 0
    with tidy_lock(context.engine, context.settings.data_dir, number) as held:
        if not held:
            return 0
        present = context.label_studio.model_versions(number)
        deadline = time.monotonic() + STEP_SECONDS
        for version in (version for version in old if present.get(version)):
            rest = REST["idle" if idle else "labelling"]
            removed += remove_version(context, number, version, rest=rest, deadline=deadline)
    if removed:
        log.info("project %s: removed %s predictions of former rounds", number, removed)
    return removed


def remove_version_at_last(context: Context, number: int, version: str) -> None:
    """Remove all predictions of a model version before returning.

    All at once, which is several times faster, where nobody has labelled for a moment.
    """
    with reading(context.engine) as connection:
        idle = time.time() - last_labelling(connection, number) > MOMENT_SECONDS
    if idle:
        context.label_studio.delete_model_version(number, version)
    else:
        remove_version(context, number, version)


def remove_version(
    context: Context,
    number: int,
    version: str,
    *,
    rest: float = 0.0,
    deadline: float = float("inf"),
) -> int:
    """Remove the predictions of one model version one by one; return how many.

    Args:
        context: settings, store and Label Studio.
        number: the project.
        version: the model version.
        rest: pause after each, in multiples of the time that it took.
        deadline: end at this time of `time.monotonic`.

    """
    removed = 0
    while ids := context.label_studio.predictions_of(number, version):
        for prediction_id in ids:
            began = time.monotonic()
            if began > deadline:
                return removed
            context.label_studio.delete_prediction(prediction_id)
            removed += 1
            time.sleep(rest * (time.monotonic() - began))
    return removed
