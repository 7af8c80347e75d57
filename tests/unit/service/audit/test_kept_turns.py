"""What is kept of each turn of the audit, and what it says of the wrong labels that are left."""

from dataclasses import replace

import numpy as np
import pytest
from audited_votes import MANY, read
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.estimates.stopping import Drawn, Stop, stop_statement
from relabel.service.audit.kept_turns import kept_of, statement, turns_ended, turns_to_keep
from relabel.service.audit.turns import turns_of
from relabel.service.queue.parts import in_force
from relabel.service.queue.stop_rule import found_so_far, headline, needed_for, stop_reason
from relabel.service.votes.state import Part


class Work:
    """A project of cats, some of which are dogs; everybody is right.

    The audited tasks that wait come first, one task is finished before the next.
    """

    def __init__(self, rng, wrong, *, test=(), **policy):
        self.policy = {"audit_share": 0.25} | policy
        self.test = set(test)
        self.queue = (rng.permutation(MANY) + 1).tolist()
        self.wrong = set((rng.permutation(MANY) + 1)[:wrong].tolist())
        self.votes, self.kept, self.left_wrong, self.until = [], {}, {}, {}
        self.state = read()

    def look(self):
        """Do as a worker does after each vote."""
        whole = read(self.votes, test=self.test, **self.policy)
        project = replace(whole.project, audit_until=self.until)
        whole = replace(whole, connected=replace(whole.connected, project=project))
        state = in_force(whole)
        self.state = replace(state, kept_turns=self.kept)
        ended = set(state.counts.task_ids[state.touched() & ~state.unsettled()].tolist())
        mine = set(state.counts.task_ids[state.mine()].tolist())
        begun = any(one.part == state.part for one in self.kept.values())
        turns = state.counts.task_ids[turns_of(state).rows].tolist()
        old = set() if begun else set(turns[: turns_of(state).by_votes])
        for one in turns_to_keep(self.state, None, turns_of(self.state)):
            earlier = turns[: turns.index(one.task_id)]
            self.left_wrong[one.task_id] = len((self.wrong & mine) - ended - set(earlier))
            assert (one.pool == 0) == (one.task_id in ended)
            assert (one.pool < 0) == (one.task_id not in ended and one.task_id in old)
            assert one.part == state.part
            self.kept[one.task_id] = one
        for task, changed in turns_ended(self.state).items():
            self.kept[task] = replace(self.kept[task], changed=changed)

    def vote(self, task):
        people = sum(task == other for other, _, _ in self.votes)
        self.votes.append((task, str(people), "dog" if task in self.wrong else "cat"))
        self.look()

    def finish_next(self):
        """Ask until a task is done: an audited one that waits, else the next one of the queue."""
        waits = self.state.counts.task_ids[turns_of(self.state).awaited].tolist()
        while waits:
            self.vote(waits[0])
            if waits[0] not in self.state.counts.task_ids[turns_of(self.state).awaited]:
                return
        mine = self.state.mine()
        task = next(one for one in self.queue if mine[one - 1])
        self.queue.remove(task)
        while self.state.unsettled()[task - 1]:
            self.vote(task)

    def ended(self, part=Part.ALL):
        """The tasks of a part that were not settled before their turn, in order."""
        state = self.state.of(part)
        done = state.counts.task_ids[turns_of(state).done].tolist()
        kept = kept_of(state)
        return [kept[task] for task in done if kept[task].pool]

    def drawn(self):
        """Those of them of which it is known what was left at their turn."""
        return [one for one in self.ended() if one.pool > 0]


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(5, MANY))
def test_at_each_turn_what_was_found_and_what_was_left_are_all_wrong_labels(seed, wrong, steps):
    """Whatever the queue asks: that is what makes a drawn task speak of those that are left."""
    work = Work(np.random.default_rng(seed), wrong)
    for _ in range(steps):
        if work.queue:
            work.finish_next()
    found = 0
    for one in work.ended():
        assert one.pool < 0 or one.found + found + work.left_wrong[one.task_id] == wrong
        assert one.changed is None or one.changed == (one.task_id in work.wrong)
        found += bool(one.changed)
    said = statement(work.state)
    corrected = work.state.consensus.labels[work.state.touched()] == 1
    assert said.found == corrected.sum()


@settings(deadline=None, max_examples=15)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 12),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, MANY)), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.25]),
)
def test_the_same_holds_however_much_more_is_asked_for_and_let_go(seed, wrong, wishes, share):
    """Each wish comes after so many tasks more; whoever makes it has seen all answers."""
    work = Work(np.random.default_rng(seed), wrong, audit_share=share)
    for steps, until in wishes:
        for _ in range(steps):
            if work.queue or len(turns_of(work.state).awaited):
                work.finish_next()
        work.until = {"": max(until, len(turns_of(work.state).done))}
        work.look()
    found = 0
    for one in work.ended():
        assert one.pool < 0 or one.found + found + work.left_wrong[one.task_id] == wrong
        found += bool(one.changed)
    ended = work.state.consensus.labels[work.state.touched()] == 1
    assert statement(work.state).found == ended.sum()


TEST = frozenset(range(2, MANY + 1, 2))


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 30))
def test_the_same_holds_of_each_part_also_where_the_split_is_named_midway(seed, wrong, before):
    work = Work(np.random.default_rng(seed), wrong, test=TEST)
    for _ in range(before):
        if work.queue:
            work.finish_next()
    work.policy |= {"split": "part"}
    work.look()
    while not stop_reason(work.state):
        work.finish_next()
    for part, mine in ((Part.EVALUATION, TEST), (Part.REST, work.wrong - TEST)):
        found = 0
        for one in work.ended(part):
            if one.pool > 0:
                assert one.part == part
                everywhere = one.found + found + work.left_wrong[one.task_id]
                assert everywhere == len(work.wrong & mine)
            found += bool(one.changed)
        said = statement(work.state.of(part))
        assert (said.found, said.left) == (len(work.wrong & mine), 0)


def test_turns_of_a_part_speak_of_it_alone():
    """Of 20 even and 20 odd tasks only even ones are wrong: the odd ones need not be audited."""
    work = Work(np.random.default_rng(5), 0, test=TEST, split="part", audit_share=0.5)
    work.wrong = {2, 4, 6, 8, 10}
    work.look()
    while work.state.part is Part.EVALUATION:
        work.finish_next()
    kept = work.kept.values()
    assert {one.task_id for one in kept if one.part == Part.EVALUATION} <= TEST
    assert max(one.pool for one in kept) < len(TEST)
    assert max(one.found for one in kept) <= 5
    assert statement(work.state.of(Part.EVALUATION)).found == 5
    assert statement(work.state).found == 0


def test_it_says_what_the_formula_says_of_these_tasks():
    work = Work(np.random.default_rng(1), 8)
    while len(work.drawn()) < 6:
        work.finish_next()
    first, *drawn = work.ended()
    wrong = np.array([bool(one.changed) for one in drawn])
    found = np.array([one.found for one in drawn]) + np.cumsum(wrong) - wrong + first.changed
    state = work.state
    settled = state.touched() & ~state.unsettled()
    pool = ~settled
    pool[turns_of(state).done] = False
    expected = stop_statement(
        Drawn(wrong, np.array([one.pool for one in drawn]), found),
        int(pool.sum()),
        int((state.consensus.labels[settled] == 1).sum()),
    )
    assert statement(state) == expected
    assert wrong.any()


def test_once_all_are_settled_all_are_found():
    work = Work(np.random.default_rng(2), 5)
    while work.queue:
        work.finish_next()
    said = statement(work.state)
    assert (said.found, said.left, said.share, said.is_said) == (5, 0, 1.0, True)


def test_a_verdict_stays_what_it_was_when_votes_first_ended_the_task():
    work = Work(np.random.default_rng(3), 8)
    while not any(one.changed for one in work.drawn()):
        work.finish_next()
    task = next(one.task_id for one in work.drawn() if one.changed)
    work.votes += [(task, str(person), "cat") for person in (5, 6, 7)]
    work.look()
    assert work.state.consensus.labels[task - 1] == 0
    assert work.kept[task].changed is True


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_share_to_find_is_the_policys(share):
    """The smaller it is, the fewer audited tasks are needed."""
    work = Work(np.random.default_rng(4), 8, stop_when={"found": share})
    for _ in range(12):
        work.finish_next()
    said = statement(work.state)
    assert said.is_said == (said.needed == 0) == (said.share >= share)


def test_the_queue_closes_once_it_may_be_said_that_enough_is_found():
    work = Work(np.random.default_rng(0), 6, stop_when={"found": 0.3}, audit_share=0.5)
    before = ""
    while not (reason := stop_reason(work.state)):
        before = needed_for(statement(work.state), 0.3)
        work.finish_next()
    assert reason == "with 95% confidence at least 30% of the wrong labels are found"
    assert work.state.waiting().any(), "there would be more to ask"
    assert before == "1 more audited task, none of them wrong, would show 30%"
    assert headline(reason) == "Stopped"


def test_how_much_is_known_is_said_and_what_more_would_take():
    said = Stop(found=71, left=28, share=71 / 99, is_said=False, needed=43)
    known = "with 95% confidence at least 71% of the wrong labels are found"
    assert found_so_far(said, 0.9) == known
    assert needed_for(said, 0.9) == "43 more audited tasks, none of them wrong, would show 90%"
