"""The audit of projects of any kind: an order, turns that come in it, open until done."""

import numpy as np
from hypothesis import given
from odd_projects import projects
from relabel.numerics.audit import turns
from relabel.service.audit.turns import audit_rows, capped, people_needed, said_anew, turns_of
from relabel.service.queue.refresh import open_ids
from relabel.service.queue.scores import scores_shown
from relabel.service.votes.state import count_state


@given(projects())
def test_turns_come_in_the_order_and_end_by_a_verdict_or_the_cap(drawn):
    state = count_state(*drawn)
    order, found = audit_rows(state).tolist(), turns_of(state)
    assert sorted(order) == np.flatnonzero(state.given >= 0).tolist()
    places = [order.index(row) for row in found.rows.tolist()]
    assert places == sorted(places)
    assert len(places) <= turns(state.spent, state.policy.audit_share, people_needed(state))
    said = said_anew(state, found.rows)
    over = (said >= 0) | capped(state)[found.rows]
    assert (found.waits == ~over).all()
    assert found.done.tolist() == found.rows[: len(found.done)].tolist()
    assert over[: len(found.done)].all()
    assert len(found.done) == len(found.rows) or not over[len(found.done)]
    for row, label in zip(found.rows.tolist(), said.tolist(), strict=True):
        if label >= 0:
            assert state.new_counts[row, label] >= people_needed(state)


@given(projects())
def test_what_waits_stands_open_whatever_its_votes_say_and_nothing_else_that_is_settled(drawn):
    state = count_state(*drawn)
    found, ids = turns_of(state), state.counts.task_ids
    waits = found.rows[found.asked]
    assert waits.tolist() == found.awaited[: state.policy.window].tolist()
    opened = set(open_ids(state, scores_shown(state), "", turns_of(state)).tolist())
    assert set(ids[waits].tolist()) <= opened
    others = np.setdiff1d(np.flatnonzero(~state.waiting()), waits)
    assert not opened & set(ids[others].tolist())
