"""Scores as they are kept, and which of them a vote moves."""

import pytest
from relabel.service.audit.turns import turns_of
from relabel.service.queue.scores import LAST, scores_now
from relabel.service.votes.result import RoundResult
from wiring import (
    claim_round,
    deliver,
    judge,
    state_of,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_scores_come_back_from_disk_as_they_were(context, fake, connected):
    number = connected(["cat", "dog", "bird"])
    current = claim_round(context, number)
    result = judge(context, number, current, {min(fake.tasks): 0.9})
    again = RoundResult.load(context.folder(number), f"round-{current.number}.npz")
    state = state_of(context, number)
    assert (
        scores_now(state, again, turns_of(state))[0].tolist()
        == scores_now(state, result, turns_of(state))[0].tolist()
    )


def test_only_tasks_with_new_votes_move_and_unknown_tasks_come_last(context, fake, running):
    number, ids = running
    before = [t.score for t in state_of(context, number).tasks.values()]
    (new,) = fake.add_tasks(number, ["dog"])
    fake.annotate(ids[2], 1, "cat")
    deliver(context, fake)
    tasks = state_of(context, number).tasks
    after = [tasks[i].score for i in ids]
    assert [i for i in range(4) if after[i] != before[i]] == [2]
    assert after[2] < min(before), "a begun task comes before all others"
    assert tasks[new].score in (None, LAST)
