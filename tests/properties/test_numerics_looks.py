"""Laws of what people may look at after every answer: by all orders that a small audit can have."""

from itertools import combinations, permutations
from math import comb, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.estimates.confidence_sequence import Audited, log_wealth, noise_rate_looks
from relabel.numerics.estimates.noise_rate import doubt
from relabel.numerics.estimates.stopping import (
    Drawn,
    log_likelihood_ratio,
    stop_statement,
)


def audit(wrong, doubts, order):
    """The first tasks of a random order, as many as `order` names."""
    order = np.asarray(order)
    left = doubts.sum() - np.cumsum(doubts[order]) + doubts[order]
    rest = left / (len(wrong) - np.arange(len(order)))
    return Audited(wrong[order], doubts[order], rest, len(wrong))


def queued(wrong, order, *, asked_each):
    """What an audit draws while a queue asks further tasks, more of them after a wrong one."""
    queue, asked, drawn = list(range(len(wrong))), set(), []
    for task in order:
        if task in asked:
            continue
        drawn.append((wrong[task], len(wrong) - len(asked), sum(wrong[other] for other in asked)))
        asked.add(task)
        for _ in range(asked_each + wrong[task]):
            asked.add(next((other for other in queue if other not in asked), task))
    return Drawn(*(np.array(column) for column in zip(*drawn, strict=True)))


@st.composite
def projects(draw, most=80):
    """Labels, doubts that may or may not know of them, and the order of an audit."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, most))
    wrong = rng.random(n) < draw(st.sampled_from([0.0, 0.05, 0.3, 1.0]))
    skill = draw(st.sampled_from([-0.5, 0.0, 0.6]))
    doubts = np.clip(rng.random(n) * 0.4 + 0.3 + skill * (wrong - 0.5), 0, 1)
    return wrong, doubts, rng.permutation(n)


@pytest.mark.parametrize("against_more", [True, False])
@pytest.mark.parametrize("wrong", [[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 0]])
def test_the_wealth_against_the_truth_is_1_on_average_at_every_look(wrong, against_more):
    wrong = np.array(wrong, dtype=bool)
    doubts = np.array([0.1, 0.9, 0.3, 0.0, 0.8, 0.4])
    truth = np.array([wrong.sum()])
    wealth = [
        np.exp(log_wealth(audit(wrong, doubts, order), truth, against_more=against_more)[0])
        for order in permutations(range(6))
    ]
    np.testing.assert_allclose(np.mean(wealth, axis=0), 1)


@pytest.mark.parametrize("level", [pytest.param(0.5, marks=pytest.mark.slow), 0.8])
@pytest.mark.parametrize("found", range(11))
def test_all_intervals_together_hold_as_often_as_they_say(level, found):
    """All C(10, found) orders in which the wrong labels of ten tasks can come."""
    nothing = np.zeros(10)
    held = []
    for places in combinations(range(10), found):
        looks = noise_rate_looks(
            Audited(np.isin(np.arange(10), places), nothing, nothing, 10), level=level
        )
        held.append(((looks.low <= found / 10) & (found / 10 <= looks.high)).all())
    assert np.mean(held) >= level


@settings(deadline=None, max_examples=30)
@given(projects())
def test_intervals_are_nested_hold_their_value_and_end_at_the_truth(project):
    wrong, doubts, order = project
    looks = noise_rate_looks(audit(wrong, doubts, order))
    assert (np.diff(looks.low) >= 0).all()
    assert (np.diff(looks.high) <= 0).all()
    assert ((looks.low <= looks.value) & (looks.value <= looks.high)).all()
    if looks.low[-1] <= wrong.mean() <= looks.high[-1]:  # nineteen times of twenty
        assert looks.low[-1] == looks.high[-1] == pytest.approx(wrong.mean())


@settings(deadline=None, max_examples=30)
@given(projects())
def test_what_is_said_at_a_look_does_not_depend_on_later_answers(project):
    wrong, doubts, order = project
    whole = noise_rate_looks(audit(wrong, doubts, order))
    half = noise_rate_looks(audit(wrong, doubts, order[: len(order) // 2]))
    for name in ("value", "low", "high"):
        later = getattr(whole, name)[: len(order) // 2]
        np.testing.assert_allclose(getattr(half, name), later)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_classes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    probs, labels, order = rng.dirichlet(np.ones(4), 30), rng.integers(0, 4, 30), rng.permutation(4)
    wrong = rng.random(30) < 0.3
    here = noise_rate_looks(audit(wrong, doubt(labels, probs), np.arange(20)))
    moved = doubt(np.argsort(order)[labels], probs[:, order])
    there = noise_rate_looks(audit(wrong, moved, np.arange(20)))
    np.testing.assert_allclose(there.high, here.high)


@pytest.mark.parametrize("asked_each", [pytest.param(0, marks=pytest.mark.slow), 1])
@pytest.mark.parametrize("wrong", [[1, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1]])
def test_the_ratio_against_the_truth_is_1_on_average_whatever_the_queue_asks(wrong, asked_each):
    wrong = np.array(wrong, dtype=bool)
    runs = [
        np.exp(
            log_likelihood_ratio(
                queued(wrong, order, asked_each=asked_each), int(wrong.sum()), share=0.6
            )
        )
        for order in permutations(range(7))
    ]
    for look in range(7):
        assert np.mean([run[min(look, len(run) - 1)] for run in runs]) == pytest.approx(1)


@settings(deadline=None, max_examples=30)
@given(projects(most=40), st.integers(0, 2))
def test_the_ratio_never_falls_with_the_number(project, asked_each):
    wrong, _, order = project
    drawn = queued(wrong, order[: len(order) // 2 + 1], asked_each=asked_each)
    surely = int(drawn.found[-1] + drawn.wrong[-1])
    numbers = range(surely, len(wrong) + 2)
    ratios = np.array([log_likelihood_ratio(drawn, number, 0.9) for number in numbers])
    assert (np.diff(np.minimum(ratios, 700), axis=0) >= -1e-9).all()


@settings(deadline=None, max_examples=30)
@given(projects(), st.sampled_from([0.5, 0.9]))
def test_the_statement_is_made_after_as_many_right_ones_as_it_needs_and_no_sooner(project, share):
    wrong, _, order = project
    drawn = queued(wrong, order[: len(order) // 3 + 1], asked_each=1)
    pool = int(drawn.pool[-1]) - 1
    found = int(drawn.found[-1] + drawn.wrong[-1])
    now = stop_statement(drawn, pool, found, share=share)
    assert now.is_said == (now.needed == 0) == (now.left == 0 or now.share >= share - 1e-9)

    def after(more):
        later = Drawn(
            np.concatenate([drawn.wrong, np.zeros(more, dtype=bool)]),
            np.concatenate([drawn.pool, pool - np.arange(more)]),
            np.concatenate([drawn.found, np.full(more, found)]),
        )
        return stop_statement(later, pool - more, found, share=share).is_said

    assert after(now.needed)
    assert not now.needed or not after(now.needed - 1)


def most_left(tasks, audited, right_only, chance):
    """By the hypergeometric distribution: as many may be left as would show so few that often."""
    return max(
        left
        for left in range(tasks + 1)
        if sum(comb(left, x) * comb(tasks - left, audited - x) for x in range(right_only + 1))
        > chance * comb(tasks, audited)
    )


@pytest.mark.parametrize("audited", [20, 60, 150])
@pytest.mark.parametrize("wrong", [0, 2])
def test_looking_always_costs_at_most_twice_what_a_single_look_leaves(audited, wrong):
    """Against the exact bound of one look that was fixed beforehand."""
    tasks, at = 400, np.arange(audited)
    found = np.isin(at, [audited // 3, 2 * audited // 3][:wrong])
    drawn = Drawn(found, tasks - at, np.cumsum(found) - found)
    total = stop_statement(drawn, tasks - audited, wrong).left + wrong
    fixed = most_left(tasks, audited, wrong, 0.05)
    assert fixed <= total <= 2 * fixed


def test_an_interval_for_all_looks_is_little_wider_than_for_one():
    """Without any wrong label: 1 - (.025)^(1/n) at one look, by its binomial distribution."""
    nothing = np.zeros(200)
    looks = noise_rate_looks(Audited(nothing > 0, nothing, nothing, 10**6))
    for n in (20, 50, 200):
        fixed = 1 - np.exp(log(0.025) / n)
        assert fixed < looks.high[n - 1] < 1.8 * fixed


def test_a_model_that_knows_narrows_and_one_that_errs_costs_little():
    rng = np.random.default_rng(0)
    wrong = rng.random(2000) < 0.15
    order = rng.permutation(2000)[:200]

    def width(doubts):
        looks = noise_rate_looks(audit(wrong, doubts, order))
        return looks.high[-1] - looks.low[-1]

    alone = width(np.zeros(2000))
    assert width(np.clip(0.8 * wrong + 0.1 * rng.random(2000), 0, 1)) < 0.6 * alone
    assert width(rng.random(2000)) < 1.2 * alone
    assert width(np.where(wrong, 0.0, 0.8)) < 1.3 * alone
