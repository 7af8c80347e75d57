"""The strict majority: traces, states, tie rules, chances of correcting and of breaking."""

from itertools import product

import numpy as np
import pytest
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.consensus.majority import TIE_RULES, majority
from relabel.types import State

OPEN, SETTLED, TIED, AMBIGUOUS = State.OPEN, State.SETTLED, State.TIED, State.AMBIGUOUS


def states(counts, **options):
    return majority(np.atleast_2d(counts), **options).states.tolist()


def relabel(start, draws):
    """Vote until settled, at least once; return the votes used and the counts."""
    counts = np.array(start)
    for used, vote in enumerate(draws, 1):
        counts[vote] += 1
        if states(counts) == [SETTLED]:
            return used, counts.tolist()
    return None, counts.tolist()


@pytest.mark.parametrize(
    ("start", "draws", "used", "end"),
    [
        ([1, 0, 0], [0, 2, 2], 1, [2, 0, 0]),
        ([1, 0, 0], [1, 1, 2], 2, [1, 2, 0]),
        ([1, 0, 0], [1, 2, 1], 3, [1, 2, 1]),
        ([1, 0, 0], [1, 2, 0], 3, [2, 1, 1]),
        ([2, 1, 0], [1, 2, 1], 3, [2, 3, 1]),
    ],
)
def test_votes_are_drawn_until_a_strict_majority(start, draws, used, end):
    assert relabel(start, draws) == (used, end)


@pytest.mark.parametrize(
    ("counts", "state", "label"),
    [
        ([0, 0, 0], OPEN, -1),
        ([0, 1, 0], OPEN, 1),
        ([0, 1, 1], TIED, -1),
        ([1, 1, 1], TIED, -1),
        ([0, 2, 0], SETTLED, 1),
        ([2, 2, 1], TIED, -1),
        ([1, 1, 2], SETTLED, 2),
        ([5, 5, 0], AMBIGUOUS, -1),
        ([5, 6, 0], SETTLED, 1),
        ([4, 5, 0], SETTLED, 1),
    ],
)
def test_states_and_labels(counts, state, label):
    decided = majority(np.array([counts]))
    assert decided.states.tolist() == [state]
    assert decided.labels.tolist() == [label]


def test_the_cap_counts_abstentions():
    counts = np.array([[2, 2], [2, 2], [3, 0]])
    assert states(counts, abstains=np.array([0, 1, 1]), max_votes=5) == [TIED, AMBIGUOUS, SETTLED]


def test_two_people_who_cannot_tell_make_an_unsettled_task_ambiguous():
    counts = np.array([[1, 0], [1, 0], [2, 0], [0, 0]])
    found = states(counts, abstains=np.array([1, 2, 2, 2]))
    assert found == [OPEN, AMBIGUOUS, SETTLED, AMBIGUOUS]


def expected(d, start):
    """Chances of each final label and expected votes, by following every sequence of votes."""
    chances, votes = np.zeros(len(d)), 0.0
    open_tasks = {tuple(np.eye(len(d), dtype=int)[start]): 1.0}
    for _ in range(len(d) + 1):
        following = {}
        for (counts, chance), vote in product(open_tasks.items(), range(len(d))):
            after = list(counts)
            after[vote] += 1
            votes += chance * d[vote]
            decided = majority(np.array([after]))
            if decided.states[0] == SETTLED:
                chances[decided.labels[0]] += chance * d[vote]
            else:
                key = tuple(after)
                following[key] = following.get(key, 0.0) + chance * d[vote]
        open_tasks = following
    return chances, votes


@pytest.mark.parametrize(
    ("d", "start", "chances", "votes"),
    [
        ([1 / 3, 2 / 3], 0, {1: 0.4444}, 1.6667),
        ([1 / 3, 2 / 3], 1, {0: 0.1111}, 1.3333),
        ([0.6, 0.4], 0, {1: 0.16}, 1.4),
        ([0.6, 0.4], 1, {0: 0.36, 1: 0.64}, 1.6),
        ([0.1, 0.9, 0], 0, {1: 0.81}, 1.9),
        ([0.5, 0.3, 0.2], 1, {0: 0.35, 1: 0.57, 2: 0.08}, 1.9),
    ],
)
def test_chances_of_correcting_and_of_breaking_a_label(d, start, chances, votes):
    found, spent = expected(d, start)
    for label, chance in chances.items():
        assert found[label] == pytest.approx(chance, abs=5e-5)
    assert spent == pytest.approx(votes, abs=5e-5)


TIES = np.array([[1, 1, 0], [0, 2, 2], [1, 1, 1], [0, 2, 0]])


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        ("none", [-1, -1, -1, 1]),
        ("lowest", [0, 1, 0, 1]),
        ("current", [1, -1, 2, 1]),
        ("posterior", [1, 2, -1, 1]),
    ],
)
def test_tie_rules_choose_among_the_top_classes(rule, labels):
    current = np.array([1, 0, 2, 0])
    probs = np.array([[0.1, 0.2, 0.7], [0.6, 0.1, 0.3], [0.4, 0.2, 0.4], [0.9, 0.05, 0.05]])
    found = majority(TIES, tie_rule=rule, current=current, probs=probs).labels
    assert found.tolist() == labels


def test_the_current_rule_shows_no_label_where_there_is_none_yet():
    labels = majority(TIES, tie_rule="current", current=np.full(4, -1)).labels
    assert labels.tolist() == [-1, -1, -1, 1]


def test_the_random_rule_chooses_every_top_class_equally_often_and_no_other():
    ties = np.tile([2, 0, 2, 2], (3000, 1))
    labels = majority(ties, tie_rule="random", rng=np.random.default_rng(0)).labels
    shares = np.bincount(labels, minlength=4) / 3000
    assert shares[1] == 0
    np.testing.assert_allclose(shares[[0, 2, 3]], 1 / 3, atol=4 * np.sqrt(2 / 9 / 3000))


@pytest.mark.parametrize("rule", ["current", "posterior", "random"])
def test_a_tie_rule_names_the_input_that_it_misses(rule):
    with pytest.raises(InvalidValuesError, match=f"tie rule '{rule}' needs"):
        majority(TIES, tie_rule=rule)


def test_an_unknown_tie_rule_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="'coin'; choose one of current, lowest"):
        majority(TIES, tie_rule="coin")
    assert set(TIE_RULES) == {"none", "lowest", "current", "posterior", "random"}


def test_a_cap_below_two_is_refused():
    with pytest.raises(ConfigurationError, match="max_votes is 1"):
        majority(TIES, max_votes=1)


def test_abstentions_of_another_length_are_refused():
    with pytest.raises(InvalidValuesError, match=r"abstains has shape \(2,\); expected \(4,\)"):
        majority(TIES, abstains=np.zeros(2, dtype=int))


def test_all_unlabelled_stays_open_without_labels():
    decided = majority(np.zeros((3, 2), dtype=int))
    assert decided.labels.tolist() == [-1, -1, -1]
    assert decided.states.tolist() == [OPEN] * 3
