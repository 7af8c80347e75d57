"""Who is audited: people alone, in one random order, whatever the queue asks meanwhile."""

from dataclasses import replace

import numpy as np
import pytest
from audited_votes import MANY, read
from relabel.policy import Policy
from relabel.service.audit.turns import (
    audit_rows,
    audited,
    awaited,
    capped,
    said_anew,
    turns_of,
)
from relabel.service.queue.refresh import open_ids

ORDER = read().counts.task_ids[audit_rows(read())].tolist()


def ids(state, rows):
    return state.counts.task_ids[rows].tolist()


def verdict(state, task):
    return int(said_anew(state, np.array([task - 1]))[0])


def agreed(*tasks, choice="cat"):
    return [(task, who, choice) for task in tasks for who in ("1", "2")]


def test_the_order_is_the_projects_own():
    assert sorted(ORDER) == list(range(1, MANY + 1))
    assert ids(read(), audit_rows(read(agreed(3, 4, 5)))) == ORDER
    other = read(project=6)
    assert ids(other, audit_rows(other)) != ORDER


def test_before_the_first_vote_nobodys_turn_has_come():
    assert awaited(read()).tolist() == audited(read()).tolist() == []


def test_a_task_that_was_settled_before_its_turn_is_asked_again():
    """One new person and the old label settle it; that is no verdict."""
    state = read([(ORDER[0], "1", "cat")])
    assert state.consensus.states[ORDER[0] - 1] == 1
    assert ids(state, awaited(state)) == ORDER[:1]
    state = read(agreed(ORDER[0]))
    assert ids(state, audited(state)) == ORDER[:1]


def test_an_old_label_is_no_voice_in_the_verdict():
    """Of two people one agrees with it and one does not: a third says what is right."""
    task = ORDER[0]
    split = [(task, "1", "cat"), (task, "2", "dog")]
    assert verdict(read(split), task) == -1
    assert verdict(read([*split, (task, "3", "dog")]), task) == 1
    assert verdict(read([*split, (task, "3", "cat")]), task) == 0


def test_the_audit_ends_before_the_first_task_that_waits():
    votes = agreed(*ORDER[:3], *ORDER[4:8])
    state = read(votes)
    assert ids(state, audited(state)) == ORDER[:3]
    assert ids(state, awaited(state))[0] == ORDER[3]
    state = read([*votes, *agreed(ORDER[3])])
    assert ids(state, audited(state)) == ORDER[:8]


def test_a_verdict_before_its_turn_counts_once_the_turn_comes():
    first, late = ORDER[:10], ORDER[10:12]
    assert audited(read(agreed(*late))).tolist() == []
    state = read(agreed(*first, *late))
    assert ids(state, audited(state)) == [*first, *late]


@pytest.mark.parametrize("max_votes", [2, 3])
def test_the_cap_ends_the_asking_without_a_verdict(max_votes):
    task = ORDER[0]
    kinds = ("cat", "dog", "bird")
    votes = [(task, str(who), kinds[who]) for who in range(max_votes)]
    for some in (votes[:-1], votes):
        state = read(some, max_votes=max_votes)
        assert capped(state)[task - 1] == (some == votes)
        assert (ids(state, audited(state)) == [task]) == (some == votes)
        assert verdict(state, task) == -1


def test_a_task_that_nobody_can_be_given_is_passed_over():
    state = read(agreed(*ORDER[1:3]), skips=[ORDER[0]])
    assert ids(state, audited(state)) == ORDER[1:3]


def test_who_works_alone_is_their_own_verdict():
    state = read([(ORDER[0], "1", "dog")], solo=True)
    assert verdict(state, ORDER[0]) == 1
    assert ids(state, audited(state)) == ORDER[:1]


def test_votes_of_unknown_authors_may_be_one_persons():
    task = ORDER[0]
    assert verdict(read([(task, "", "dog"), (task, "", "dog")]), task) == -1
    assert verdict(read([(task, "1", "dog"), (task, "", "dog")]), task) == 1


def test_new_votes_are_counted_apart_from_old_ones():
    state = read([(7, "1", "dog"), (7, "2", "cat")])
    assert state.counts.votes[6].tolist() == [2, 1, 0]
    assert state.new_counts[6].tolist() == [1, 1, 0]
    assert not np.delete(state.new_counts, 6, axis=0).any()


def test_without_a_share_there_is_no_audit():
    state = read(agreed(*ORDER[:5]))
    none = replace(state, connected=replace(state.connected, policy=Policy(audit_share=0.0)))
    assert audited(none).tolist() == awaited(none).tolist() == []


def test_no_more_than_a_window_is_asked_about_at_a_time():
    """A larger share may bring many turns at once."""
    votes = [(task, "1", "cat") for task in range(1, MANY + 1)]
    state = read(votes, window=5)
    found = turns_of(state)
    assert len(found.awaited) == 20
    opened = ids(state, found.rows[found.asked])
    assert opened == ORDER[:5]
    assert open_ids(state, np.linspace(0, 1, MANY), "", turns_of(state)).tolist() == sorted(opened)
