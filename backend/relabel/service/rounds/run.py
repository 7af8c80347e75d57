"""A round, from the claim to the published queue."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from relabel.errors import NotReadyError, RoundCancelledError
from relabel.http.deadlines import ending
from relabel.media.registry import MEDIUM
from relabel.policy import Policy
from relabel.service.books.accounts import NEWEST_TASK
from relabel.service.books.unmatched import missing_field, missing_source, missing_values
from relabel.service.connected import Connected, open_connected, policy_of
from relabel.service.context import Context
from relabel.service.queue.parts import in_force
from relabel.service.queue.publish import publish
from relabel.service.rounds.due import SEEN, what_is_there
from relabel.service.rounds.ends import UNFINISHED, conclude
from relabel.service.rounds.progress import RoundProgress
from relabel.service.rounds.readiness import check_enough
from relabel.service.rounds.watchdog import RoundWatch
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.mirror import reconcile_recent
from relabel.service.votes.state import Part, ProjectState
from relabel.service.votes.task_states import read_state
from relabel.storage.annotations import count_new_votes
from relabel.storage.database import reading
from relabel.storage.projects import Project, get_project, set_project
from relabel.storage.rounds import (
    PART,
    Round,
    list_rounds,
    published_round,
    set_round,
    start_round,
)
from relabel.storage.tasks import set_problems

log = logging.getLogger("relabel.round")

WEIGHTS = "weights"
"""Folder of a project: what the last training ended with."""

EXPECTED_IDENTICAL = 0.01
"""Share of tasks that may be copies of others, saved anew, without being worth a warning."""


def run_round(context: Context, number: int, *, leave: Callable[[], None] | None = None) -> Round:
    """Run one round of a project, publish it, and return its record.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        leave: ends the process; for a round that does not hear when it should end.

    Raises:
        RoundInProgressError: another process is at it.
        RoundLostError: it was given up for dead, and another one has taken its place.
        RoundCancelledError: somebody cancelled it.
        RelabelError: what went wrong; the old queue is untouched.

    """
    with reading(context.engine) as connection:
        project = get_project(connection, number)
    policy = policy_of(context.settings, project.extra_params)
    with context.engine.begin() as connection:
        current = start_round(connection, number, policy.model_dump(mode="json"), policy.digest())
        # Known already now: should it end before it has read them, no vote is a new one for that.
        votes, seen = count_new_votes(connection, number), what_is_there(connection, project)
        set_round(connection, current.id, votes=votes, record={SEEN: seen})
        set_project(connection, number, train_requested=False)
    with RoundWatch(context, current, leave) as watch:
        try:
            with ending(check=watch.check):
                _run(context, open_connected(context.settings, project), current)
        except BaseException as error:
            conclude(context, current, error)
            if isinstance(error, RoundCancelledError):
                carry_out(context, number)
            raise
    # Votes that arrived while the window was being opened.
    carry_out(context, number)
    with reading(context.engine) as connection:
        return next(r for r in list_rounds(connection, number) if r.id == current.id)


def _run(context: Context, connected: Connected, current: Round) -> None:
    # Imported here: this is the only path in the package that needs torch.
    from relabel.service.rounds.train import train_round  # noqa: PLC0415

    started = time.monotonic()
    progress = RoundProgress(context, current)
    progress("reading", 0, 1)
    reconcile_recent(context, connected)
    state = _snapshot(context, connected, current)
    settings, project = context.settings, state.project
    store = MEDIUM.open(settings, context.label_studio)
    # Of the part that is cleaned now alone: neither selector sees the other part.
    mine = state.counts.task_ids[state.mine()].tolist()
    shown = {task_id: state.tasks[task_id].image for task_id in mine}
    found, missing = store.collect(project.id, shown, progress)
    by_task = dict(zip(mine, found, strict=True))
    digests = [by_task.get(task_id, "") for task_id in state.tasks]
    with context.engine.begin() as connection:
        set_round(connection, current.id)
        if published_round(connection, project.id) is None:
            # Nobody labels by an order yet, and should this round fail, people see why.
            set_problems(connection, project.id, missing, mine)
    usable = np.flatnonzero([bool(digest) for digest in digests])
    # Before thousands of images are described in vain.
    if state.policy.split and state.part is Part.ALL:
        _refuse_split(context, project, state.policy)
    check_enough(state, usable, missing, partial(missing_source, context, project, state.policy))
    folder = context.folder(project.id)
    trained = train_round(
        state,
        digests,
        store.load,
        left_out=missing,
        cache=settings.data_dir / "embeddings",
        device=settings.device,
        progress=progress,
        checkpoint=folder / UNFINISHED,
        warm_start=folder / WEIGHTS if state.policy.warm_start else None,
        pretrained=folder / "pretrained",
    )
    store.close()
    empty = {i: state.tasks[i].problem for i in mine if not shown[i] and state.tasks[i].problem}
    problems = missing | trained.problems | empty
    for task_id, reason in list(problems.items())[:20]:
        log.warning("project %s: task %s is left out: %s", project.id, task_id, reason)
    _tell_identical(project, trained.identical, len(state.tasks))
    artifact = trained.result.save(folder, f"round-{current.number}")
    trained.nearest.save(folder, current.number)
    with context.engine.begin() as connection:
        set_problems(connection, project.id, problems, mine)
        set_round(connection, current.id, artifact=artifact)
    record = trained.record | {
        PART: str(state.part),
        "tasks": len(mine),
        NEWEST_TASK: max(state.tasks),
        "left_out": len(problems),
        "seconds": round(time.monotonic() - started, 2),
    }
    publish(context, current, trained.result, record, progress)
    _keep_weights(folder, wanted=state.policy.warm_start)


def _refuse_split(context: Context, project: Project, policy: Policy) -> None:
    """Refuse to learn from all tasks at once where an evaluation split is asked for.

    Raises:
        NotReadyError: names what there is instead.

    """
    missing = missing_field(context, project, policy) or missing_values(context, project, policy)
    raise NotReadyError(
        f"There is no evaluation split: {missing}. Set split and evaluation to what the tasks "
        f"have, or take split out."
    )


def _keep_weights(folder: Path, *, wanted: bool) -> None:
    """Clear the training away once its round is published, or leave it to the next round."""
    shutil.rmtree(folder / WEIGHTS, ignore_errors=True)
    if wanted and (folder / UNFINISHED).exists():
        (folder / UNFINISHED).replace(folder / WEIGHTS)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def _tell_identical(project: Project, groups: Sequence[tuple[int, ...]], tasks_in_all: int) -> None:
    """Warn of images that look all the same to the encoder: blank, or of a depth lost on it."""
    found = sum(map(len, groups))
    if found > max(EXPECTED_IDENTICAL * tasks_in_all, 2):
        log.warning(
            "project %s: %d tasks have the very vector of another one whose file differs, for "
            "example tasks %s: the encoder cannot tell them apart; look at their images",
            project.id,
            found,
            ", ".join(map(str, groups[0][:5])),
        )


def _snapshot(context: Context, connected: Connected, current: Round) -> ProjectState:
    # Read without the write lock: webhooks must not wait while thousands of tasks are counted.
    with reading(context.engine) as connection:
        project = get_project(connection, connected.project.id)
        state = in_force(read_state(connection, connected.now(project)))
        votes = count_new_votes(connection, project.id)
        seen = what_is_there(connection, project)
    with context.engine.begin() as connection:
        record = {SEEN: seen, PART: str(state.part)}
        set_round(connection, current.id, votes=votes, record=record)
    if not state.tasks:
        raise NotReadyError(f"Project {project.id} has no tasks yet: import images first.")
    return state
