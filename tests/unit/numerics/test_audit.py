"""The audit's order: random, the same for the same project, and kept when tasks are added."""

import numpy as np
import pytest
from relabel.numerics.audit import EARLY, random_order, turns
from scipy.stats import chisquare, kstest

SEEDS = [int(n) for n in np.random.default_rng(0).integers(2**64, size=2000, dtype=np.uint64)]


def test_the_order_is_that_of_the_seed_and_of_no_other():
    ids = np.arange(1, 101)
    assert random_order(ids, 7).tolist() == random_order(ids, 7).tolist()
    assert sorted(random_order(ids, 7).tolist()) == list(range(100))
    assert random_order(ids, 7).tolist() != random_order(ids, 8).tolist()


def test_every_task_is_equally_likely_at_every_place():
    """Of 5 tasks with numbers one after another, each of the 120 orders comes as often."""
    ids = np.arange(40, 45)
    found = [tuple(random_order(ids, seed).tolist()) for seed in SEEDS]
    _, times = np.unique(found, axis=0, return_counts=True)
    assert len(times) == 120
    assert chisquare(times).pvalue > 1e-3


def test_places_follow_no_number():
    """Neither the number nor its neighbour's place says where a task stands."""
    places = np.argsort(random_order(np.arange(100_000), SEEDS[0]))
    assert abs(np.corrcoef(places, np.arange(len(places)))[0, 1]) < 0.015
    assert abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 0.015
    even = places[::2] / len(places)
    assert kstest(even, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("seed", SEEDS[:20])
def test_added_tasks_enter_anywhere_and_leave_the_others_in_order(seed):
    old, all_of_them = np.arange(1, 201), np.arange(1, 301)
    before, after = old[random_order(old, seed)], all_of_them[random_order(all_of_them, seed)]
    assert after[after <= 200].tolist() == before.tolist()
    new = np.flatnonzero(after > 200)
    assert new.min() < 30
    assert new.max() > 270


def test_the_first_twenty_come_at_four_times_the_share():
    assert turns(0, 0.05) == 0
    assert turns(1, 0.05) == 1
    assert [turns(votes, 0.05) for votes in (10, 11, 100, 199, 200)] == [1, 2, 10, 20, 20]
    assert turns(800, 0.05) == EARLY
    assert turns(801, 0.05) == EARLY + 1
    assert turns(4000, 0.05) == 100
    assert turns(4000, 0.0) == 0


def test_who_works_alone_has_a_turn_for_every_vote():
    assert turns(1000, 0.05, people=1) == 50
