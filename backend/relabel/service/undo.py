"""Taking back what one run wrote: a round, or the labels written back into the tasks."""

import numpy as np
from sqlalchemy import Connection

from relabel.errors import NotReadyError
from relabel.service.context import Context, policy_of
from relabel.service.publish import restore_predictions, write_predictions
from relabel.service.queue import apply_changes, refresh_queue, switch_queue
from relabel.service.scores import RoundResult, scores_now
from relabel.service.state import ProjectState, read_state
from relabel.storage.database import reading
from relabel.storage.locks import queue_lock
from relabel.storage.projects import Project, get_project
from relabel.storage.rounds import Round, RoundState, list_rounds, published_round, set_round
from relabel.storage.tasks import set_scores, set_task
from relabel.storage.writes import list_writes, log_write
from relabel.types import silent

WRITE_BACK = "write-back"


def undo_run(context: Context, number: int, run: str) -> tuple[str, ...]:
    """Undo the last published round ("round-N") or the labels written back ("write-back").

    Raises:
        NotReadyError: there is no such run, or later rounds stand on it.

    """
    with queue_lock(context.engine, context.settings.data_dir, number):
        with reading(context.engine) as connection:
            project = get_project(connection, number)
            check_can_be_undone(connection, project, run)
        return carry_out_undo(context, project, run)


def check_can_be_undone(connection: Connection, project: Project, run: str) -> None:
    """Refuse to undo what does not exist, or what later rounds stand on.

    Raises:
        NotReadyError: says which run could be undone.

    """
    number = project.id
    if run == WRITE_BACK:
        if not written_back(connection, number):
            raise NotReadyError(f"No labels stand written back in project {number}.")
        return
    last = published_round(connection, number)
    if last is None or run != last.run:
        raise NotReadyError(
            f"{run!r} cannot be undone: the run that orders the queue now is "
            f"{last.run if last else 'none'}. Undo the later ones first; to undo the connection, "
            f"run: relabel detach --project {number}"
        )


def written_back(connection: Connection, number: int) -> dict[int, object]:
    """Return the data that tasks had before labels were written back, by task; {} = none stand."""
    undone = list_writes(connection, number, f"undo-{WRITE_BACK}")
    since = undone[-1].at if undone else 0.0
    first: dict[int, object] = {}
    for write in list_writes(connection, number, WRITE_BACK):
        if write.at > since:
            first.setdefault(int(write.target), write.before)
    return first


def carry_out_undo(context: Context, project: Project, run: str) -> tuple[str, ...]:
    """Undo a run; begun earlier and interrupted, go on. Call it with the queue's lock held."""
    if run == WRITE_BACK:
        return _undo_write_back(context, project)
    with reading(context.engine) as connection:
        rounds = list_rounds(connection, project.id)
    undone = next(r for r in rounds if r.run == run)
    earlier = [r for r in rounds if r.state is RoundState.PUBLISHED and r.number < undone.number]
    return _undo_round(context, project, undone, earlier[-1] if earlier else None)


def _undo_round(
    context: Context, project: Project, undone: Round, previous: Round | None
) -> tuple[str, ...]:
    policy = policy_of(context.settings, project.extra_params)
    with context.engine.begin() as connection:
        state = read_state(connection, project, policy)
        set_round(connection, undone.id, state=str(RoundState.UNDONE))
    if previous is not None:
        _bring_back(context, state, previous)
    run = f"undo-round-{undone.number}"
    switch_queue(context, project, previous.model_version if previous else "", run=run)
    if previous is None:
        context.label_studio.update_project(
            project.id, model_version="", show_collab_predictions=True
        )
        apply_changes(context, state, np.zeros(0, dtype=np.int64), run=run)
    else:
        refresh_queue(context, project, context.label_studio.predictions_by_task(project.id))
        restore_predictions(context, project)  # of which some may have been removed already
    to = f"round {previous.number}" if previous else "the state before the first round"
    return (
        f"the queue follows {to} again",
        f"the worker removes the scores of round {undone.number} little by little",
    )


def _bring_back(context: Context, state: ProjectState, previous: Round) -> None:
    """Make the store and Label Studio hold the scores of an earlier round."""
    number, version = state.project.id, previous.model_version
    result = RoundResult.load(context.folder(number), previous.artifact)
    scores, changed = scores_now(state, result)
    ids = state.counts.task_ids.tolist()
    by_task = dict(zip(ids, scores.tolist(), strict=True))
    gone = version not in context.label_studio.model_versions(number)
    if gone:
        write_predictions(context, number, version, by_task, silent)
    with context.engine.begin() as connection:
        set_scores(connection, number, by_task)
        for row in [] if gone else changed.tolist():
            # Votes came since: what the older predictions show of these tasks is out of date.
            set_task(connection, number, ids[row], score=None)


def _undo_write_back(context: Context, project: Project) -> tuple[str, ...]:
    with reading(context.engine) as connection:
        first = written_back(connection, project.id)
    for task_id, before in first.items():
        data = dict(context.label_studio.task(task_id).get("data", {}))
        for key in ("relabel_label", "relabel_soft_label"):
            data.pop(key, None)
        data.update(before if isinstance(before, dict) else {})
        context.label_studio.update_task(task_id, data=data)
    with context.engine.begin() as connection:
        run = f"undo-{WRITE_BACK}"
        log_write(connection, project.id, run, "data", project.id, after=len(first))
    return (f"restored the data of {len(first)} tasks",)
