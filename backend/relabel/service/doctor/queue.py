"""The doctor's checks of rounds, order and tab."""

from relabel.labelstudio.contract import settings_to_change
from relabel.numerics.audit import EARLY
from relabel.service.audit.turns import for_others, turns_of
from relabel.service.connected import open_connected, policy_of
from relabel.service.context import Context
from relabel.service.doctor.findings import Finding
from relabel.service.queue.notices import tab_now
from relabel.service.queue.parts import in_force
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.rounds.attempts import last_error
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.database import reading
from relabel.storage.projects import Project
from relabel.storage.rounds import list_rounds, published_round
from relabel.storage.tasks import list_tasks


def check_round(context: Context, project: Project) -> Finding:
    """Say how the last round ended."""
    with reading(context.engine) as connection:
        rounds = list_rounds(connection, project.id)
    if not rounds:
        return Finding(
            "round", ok=False, text=f"none yet; start one: relabel round --project {project.id}"
        )
    error = last_error(rounds)
    if error:
        return Finding("round", ok=False, text=f"round {rounds[-1].number}: {error}")
    return Finding("round", ok=True, text=f"round {rounds[-1].number} {rounds[-1].state}")


def check_order(context: Context, project: Project) -> Finding:
    """See whether the order of the last round is in force."""
    with reading(context.engine) as connection:
        last = published_round(connection, project.id)
    if last is None:
        return Finding("queue order", ok=False, text="no round has been published yet")
    body = context.label_studio.project(project.id)
    queue = policy_of(context.settings, project.extra_params).queue
    wrong = settings_to_change(body, last.model_version, queue)
    if wrong:
        keys = ", ".join(f"{key} = {body.get(key)!r}" for key in sorted(wrong))
        text = f"{keys}: the order is not in force; run: relabel reconcile --project {project.id}"
        return Finding("queue order", ok=False, text=text)
    return Finding("queue order", ok=True, text=f"model_version is {last.model_version}")


def check_tab(context: Context, project: Project) -> Finding:
    """Compare the tab that people label from with what was written."""
    with reading(context.engine) as connection:
        state = in_force(read_queue_state(connection, open_connected(context.settings, project)))
    found, wrong = tab_now(context, state, stop_reason(state))
    if wrong:
        said = "; ".join(f"{what}: {how}" for what, how in wrong.items())
        text = f"{said}. The sweep sets it right; at once: relabel reconcile --project {project.id}"
        return Finding("tab", ok=False, text=text)
    title = (found or {}).get("title")
    return Finding("tab", ok=True, text=f"{title!r}, filter and order as they should be")


def check_audit(context: Context, project: Project) -> Finding:
    """See whether the audited tasks come to a verdict with the people at work.

    A few that wait for another person are no problem yet: people do not all begin at once.
    """
    with reading(context.engine) as connection:
        state = in_force(read_queue_state(connection, open_connected(context.settings, project)))
    if not state.policy.audit_share:
        return Finding("audit", ok=True, text="audit_share is 0: no task is audited")
    turns = turns_of(state)
    others = for_others(state, turns)
    if len(others) >= EARLY:
        text = (
            f"{len(others)} of {len(turns.awaited)} audited tasks that wait have been answered by "
            f"everybody at work: let another person label, or set solo = true if one works alone"
        )
        return Finding("audit", ok=False, text=text)
    text = f"{len(turns.done)} tasks audited, {len(turns.awaited)} wait for people"
    return Finding("audit", ok=True, text=text)


def check_scores(context: Context, project: Project) -> Finding:
    """See whether every task has a score of the last round."""
    with reading(context.engine) as connection:
        last = published_round(connection, project.id)
        known = len(list_tasks(connection, project.id))
    versions = context.label_studio.model_versions(project.id)
    count = versions.get(last.model_version, 0) if last else 0
    if count < known:
        text = f"{count} of {known} tasks have a score; run: relabel round --project {project.id}"
        return Finding("score column", ok=False, text=text)
    return Finding("score column", ok=True, text=f"{count} scores")
