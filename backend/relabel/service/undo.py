"""Taking back what one run wrote: a round, or the labels written back into the tasks."""

import numpy as np

from relabel.errors import NotReadyError
from relabel.service.context import Context, policy_of
from relabel.service.queue import apply_changes, refresh_queue, switch_queue
from relabel.service.scores import RoundResult, scores_now
from relabel.service.state import read_state
from relabel.storage.database import reading
from relabel.storage.locks import queue_lock
from relabel.storage.projects import Project, get_project
from relabel.storage.rounds import Round, RoundState, list_rounds, set_round
from relabel.storage.tasks import set_scores, set_task
from relabel.storage.writes import list_writes, log_write

WRITE_BACK = "write-back"


def undo_run(context: Context, number: int, run: str) -> tuple[str, ...]:
    """Undo the last published round ("round-N") or the labels written back ("write-back").

    Raises:
        NotReadyError: there is no such run, or later rounds stand on it.

    """
    with queue_lock(context.engine, context.settings.data_dir, number):
        with reading(context.engine) as connection:
            project = get_project(connection, number)
            rounds = list_rounds(connection, number)
        if run == WRITE_BACK:
            return _undo_write_back(context, project)
        published = [r for r in rounds if r.state is RoundState.PUBLISHED]
        if not published or run != f"round-{published[-1].number}":
            last = f"round-{published[-1].number}" if published else "none"
            raise NotReadyError(
                f"{run!r} cannot be undone: the run that orders the queue now is {last}. Undo the "
                f"later ones first; to undo the connection, run: relabel detach --project {number}"
            )
        return _undo_round(context, project, published)


def _undo_round(context: Context, project: Project, published: list[Round]) -> tuple[str, ...]:
    undone = published[-1]
    previous = published[-2] if len(published) > 1 else None
    policy = policy_of(context.settings, project.extra_params)
    with context.engine.begin() as connection:
        state = read_state(connection, project, policy)
        set_round(connection, undone.id, state=str(RoundState.UNDONE))
        if previous is not None:
            result = RoundResult.load(context.folder(project.id), previous.artifact)
            scores, changed = scores_now(state, result)
            ids = state.counts.task_ids.tolist()
            set_scores(connection, project.id, dict(zip(ids, scores.tolist(), strict=True)))
            for row in changed.tolist():
                # Votes came since: what the older predictions show of these tasks is out of date.
                set_task(connection, project.id, ids[row], score=None)
    run = f"undo-round-{undone.number}"
    switch_queue(context, project, previous.model_version if previous else "", run=run)
    if previous is None:
        context.label_studio.update_project(
            project.id, model_version="", show_collab_predictions=True
        )
        apply_changes(context, state, np.zeros(0, dtype=np.int64), run=run)
    else:
        refresh_queue(context, project)
    context.label_studio.delete_model_version(project.id, undone.model_version)
    with context.engine.begin() as connection:
        log_write(connection, project.id, run, "delete predictions", undone.model_version)
    to = f"round {previous.number}" if previous else "the state before the first round"
    return (f"the queue follows {to} again", f"deleted the scores of round {undone.number}")


def _undo_write_back(context: Context, project: Project) -> tuple[str, ...]:
    with reading(context.engine) as connection:
        written = list_writes(connection, project.id, WRITE_BACK)
    first: dict[int, object] = {}
    for write in written:
        first.setdefault(int(write.target), write.before)
    if not first:
        raise NotReadyError(f"No labels were written back into project {project.id}.")
    for task_id, before in first.items():
        data = dict(context.label_studio.task(task_id).get("data", {}))
        for key in ("relabel_label", "relabel_soft_label"):
            data.pop(key, None)
        data.update(before if isinstance(before, dict) else {})
        context.label_studio.update_task(task_id, data=data)
    with context.engine.begin() as connection:
        log_write(connection, project.id, "undo-write-back", "data", project.id, after=len(first))
    return (f"restored the data of {len(first)} tasks",)
