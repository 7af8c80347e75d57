"""What Label Studio's own pages say of the queue: its tab, and why nothing is open.

Label Studio itself says "all tasks completed" whenever nothing is open. So the reason stands in the
title of the tab, as its first word, and in the first line of the project's description.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from relabel.errors import NotFoundError
from relabel.labelstudio.contract import repaired_tab, tab, tab_to_change, with_notice
from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.queue.parts import in_force
from relabel.service.queue.stop_rule import explained, headline, stop_reason
from relabel.service.traces import several
from relabel.service.votes.state import QueueState
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.database import reading
from relabel.storage.projects import get_project, set_project
from relabel.storage.rounds import published_round
from relabel.storage.writes import LIVE, log_write

log = logging.getLogger("relabel.notices")


def repair_notices(
    context: Context, state: QueueState, reason: str, body: Mapping[str, Any] | None = None
) -> None:
    """Compare tab and description with what they should be, and set right what differs.

    Args:
        context: settings, store and Label Studio.
        state: what the votes say.
        reason: why nothing is open, "" = work goes on.
        body: the project as it was read a moment ago; it is read again before anything is written.

    """
    if state.project.view_id is None:
        return
    _repair_tab(context, state, reason)
    if body is None or _described(reason, body.get("description")) is not None:
        _repair_description(context, state, reason)
    if reason != state.project.note:
        with context.engine.begin() as connection:
            set_project(connection, state.project.id, note=reason)


def queue_sentence(context: Context, number: int) -> str:
    """Say whether people are given tasks now, and if not, why."""
    with reading(context.engine) as connection:
        project = get_project(connection, number)
        state = in_force(read_queue_state(connection, open_connected(context.settings, project)))
        last = published_round(connection, number)
    reason = stop_reason(state)
    count = int((~state.places.is_labeled).sum())
    if reason:
        told = "the project's description and the tab in Label Studio say so"
        others = f" {several(count, 'task')} that it did not open stay open." if count else ""
        return f"{headline(reason)}: {explained(reason).removesuffix('.')}; {told}.{others}"
    if last is None:
        return "The project goes on; the first round opens its tasks."
    return f"The project goes on; open: {several(count, 'task')}."


def tab_now(
    context: Context, state: QueueState, reason: str
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Return the tab's data as Label Studio has it, None = deleted, and what is wrong with it."""
    views = {view["id"]: view for view in context.label_studio.views(state.project.id)}
    found = views.get(state.project.view_id)
    if found is None:
        return None, {"tab": "deleted"}
    data = found.get("data") or {}
    return data, tab_to_change(data, _wanted_tab(state, reason))


def _repair_tab(context: Context, state: QueueState, reason: str) -> None:
    server, number, view_id = context.label_studio, state.project.id, state.project.view_id
    found, wrong = tab_now(context, state, reason)
    if not wrong:
        return
    try:
        if found is None or view_id is None:
            view_id = server.add_view(number, _wanted_tab(state, reason, server.columns(number)))
        else:
            server.update_view(number, view_id, repaired_tab(found, _wanted_tab(state, reason)))
    except NotFoundError:
        return  # deleted a moment ago: the next sweep brings it back
    if reason == state.project.note:
        log.info("project %s: set the tab right, which somebody changed: %s", number, wrong)
    with context.engine.begin() as connection:
        set_project(connection, number, view_id=view_id)
        log_write(connection, number, LIVE, "tab", view_id, before=wrong)


def _wanted_tab(
    state: QueueState, reason: str, columns: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    return tab(
        columns,
        state.schema.image_key,
        queue=state.policy.queue,
        headline=headline(reason),
    )


def _described(reason: str, before: Any) -> str | None:
    """Return the description with the reason, None = it says so already."""
    after = with_notice(before, headline(reason), explained(reason))
    return None if after == (before or "") else after


def _repair_description(context: Context, state: QueueState, reason: str) -> None:
    number = state.project.id
    before = context.label_studio.project(number).get("description")
    after = _described(reason, before)
    if after is None:
        return
    context.label_studio.update_project(number, description=after)
    with context.engine.begin() as connection:
        log_write(connection, number, LIVE, "description", number, before=before, after=after)
