"""The scores, against worked examples; unlabelled tasks; arrays that break the contract."""

import numpy as np
import pytest
from relabel.errors import InvalidValuesError
from relabel.numerics.scoring import SCORES, cross_entropy, entropy, marginalise, normalise

COUNTS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [2, 1, 0], [1, 0, 0]])
PROBS = np.array(
    [
        [0.9, 0.08, 0.02],
        [0.9, 0.08, 0.02],
        [0.40, 0.35, 0.25],
        [0.05, 0.9, 0.05],
        [0.05, 0.9, 0.05],
        [0, 1, 0],
    ]
)
LN3 = np.log(3)
NEEDS_LABEL = [
    "phi",
    "phi_hinge",
    "ce",
    "tiered_phi",
    "loss_entropy",
    "corractive",
    "label_margin",
    "ratio",
]


SHOWN = np.array([0, 1, 2, 0, 0, 0])
"""Of the tied fourth task, the first class."""


def score(name, counts, probs, **options):
    if name == "random":
        options["rng"] = np.random.default_rng(0)
    return SCORES[name](counts, probs, **options)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ce", [0.105361, 2.525729, 1.386294, 1.550546, 2.032275, 27.631021]),
        ("entropy", [0.375123, 0.375123, 1.080528, 0.394398, 0.394398, 0]),
        ("phi", [-0.269763, 2.150605, 0.305767, 1.156149, 1.637877, 27.631021]),
        ("loss_entropy", [0.480484, 2.900852, 2.466822, 1.944944, 2.426673, 27.631021]),
        ("corractive", [0.105361, 2.525729, 1.386294, 2.995732, 2.995732, 27.631021]),
        ("margin", [-0.82, -0.82, -0.05, -0.85, -0.85, -1]),
        ("label_margin", [-0.82, 0.82, 0.15, 0.85, 0.85, 1]),
        ("least_conf", [0.1, 0.1, 0.6, 0.1, 0.1, 0]),
        ("phi_hinge", [0.054451, 2.257565, 0.578321, 1.352372, 1.790860, 25.150839]),
    ],
)
def test_scores_of_six_worked_tasks(name, expected):
    np.testing.assert_allclose(score(name, COUNTS, PROBS, labels=SHOWN), expected, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in SCORES if n != "random"])
def test_mirror_images_have_one_score(name):
    """One vote each for two classes, and the same model the other way round."""
    one, other = score(name, np.array([[1, 1], [1, 1]]), np.array([[0.9, 0.1], [0.1, 0.9]]))
    assert one == pytest.approx(other, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "kept", "contradicted", "unknown"),
    [
        ("tiered_phi", 1.203973, 30.203058, 15.703515),
        ("corractive", 0.105361, 2.302585, 1.203973),
        ("label_margin", -0.8, 0.8, 0),
    ],
)
def test_a_tied_task_is_judged_by_the_label_that_is_shown(name, kept, contradicted, unknown):
    counts, probs = np.ones((3, 2), dtype=int), np.array([[0.9, 0.1]] * 3)
    found = score(name, counts, probs, labels=np.array([0, 1, -1]))
    np.testing.assert_allclose(found, [kept, contradicted, unknown], atol=1e-6)


def test_a_label_that_shares_the_largest_probability_is_not_contradicted():
    counts = np.eye(2, dtype=int)
    found = score("tiered_phi", counts, np.full((2, 2), 0.5))
    np.testing.assert_allclose(found, np.log(2))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"labels has shape \(2,\); expected \(6,\)"),
        ([0, 0, 0, 0, 0, 3], r"labels lie in \[0, 3\]; expected -1 \(none\) or one of the 3"),
        ([-2, 0, 0, 0, 0, 0], r"labels lie in \[-2, 0\]"),
    ],
)
@pytest.mark.parametrize("name", SCORES)
def test_labels_that_are_none_of_the_classes_are_refused(name, labels, message):
    with pytest.raises(InvalidValuesError, match=message):
        score(name, COUNTS, PROBS, labels=np.array(labels))


def test_phi_in_base_three():
    expected = [-0.245549, 1.957565, 0.278321, 1.052372, 1.490860, 25.150839]
    np.testing.assert_allclose(score("phi", COUNTS, PROBS) / LN3, expected, atol=1e-6)


RANKED = np.array([[0.02, 0.50, 0.48], [0.03, 0.97, 0], [0.34, 0.33, 0.33], [0.9, 0.05, 0.05]])
FIRST_CLASS = np.tile([1, 0, 0], (4, 1))


@pytest.mark.parametrize(
    ("name", "values", "order"),
    [
        ("ce", [3.912023, 3.506558, 1.078810, 0.105361], [0, 1, 2, 3]),
        ("entropy", [0.777119, 0.134742, 1.098513, 0.394398], [2, 0, 3, 1]),
        ("phi", [3.134904, 3.371816, -0.019703, -0.289037], [1, 0, 2, 3]),
        ("loss_entropy", [4.689142, 3.641300, 2.177323, 0.499759], [0, 1, 2, 3]),
        ("phi_hinge", [3.153512, 3.191807, 0.282066, 0.036907], [1, 0, 2, 3]),
    ],
)
def test_scores_rank_four_tasks_of_one_class_differently(name, values, order):
    ranked = score(name, FIRST_CLASS, RANKED)
    np.testing.assert_allclose(ranked, values, atol=1.1e-6)
    assert np.argsort(-ranked).tolist() == order


def test_tiered_phi_puts_disagreement_first_by_phi_and_the_rest_by_cross_entropy():
    """Task 3 of the ranked ones is certain to be right, task 2 hardly; 0 and 1 are wrong."""
    tiers = score("tiered_phi", FIRST_CLASS, RANKED)
    assert np.argsort(-tiers).tolist() == [1, 0, 2, 3]
    np.testing.assert_allclose(tiers[2:], score("ce", FIRST_CLASS, RANKED)[2:])
    np.testing.assert_allclose(np.diff(tiers[:2]), np.diff(score("phi", FIRST_CLASS, RANKED)[:2]))


def test_tiered_phi_ranks_the_most_doubtful_disagreement_above_the_worst_agreement():
    """The label is likeliest in the first task though its cross-entropy is higher."""
    counts = np.array([[1, 9, 0], [1, 0, 0]])
    probs = np.array([[1e-12, 1 - 1e-12, 0], [0.34, 0.35, 0.31]])
    low, high = score("tiered_phi", counts, probs)
    assert score("ce", counts, probs)[0] > score("ce", counts, probs)[1]
    assert low < high


def test_bald_is_the_information_about_the_members():
    x0 = np.array([[0.9, 0.1, 0], [0.1, 0.9, 0]])
    same = np.array([[0.9, 0.1, 0], [0.9, 0.1, 0]])
    members = np.stack([x0, same], axis=1)
    values = score("bald", np.array([[1, 0, 0], [1, 0, 0]]), members)
    np.testing.assert_allclose(values, [0.368064, 0], atol=1e-6)
    assert values[0] / LN3 == pytest.approx(0.335026, abs=1e-6)
    np.testing.assert_allclose(entropy(x0.mean(0)), 0.693147, atol=1e-6)
    np.testing.assert_allclose(entropy(x0).mean(), 0.325083, atol=1e-6)


def test_bald_of_a_single_member_is_zero():
    assert (score("bald", COUNTS, PROBS) == 0).all()


def test_members_are_averaged_as_probabilities_not_as_logits():
    members = np.array([[[0.7, 0.2, 0.1]], [[0.1, 0.8, 0.1]]])
    np.testing.assert_allclose(marginalise(members), [[0.4, 0.5, 0.1]], atol=1e-12)


@pytest.mark.parametrize("name", [n for n in SCORES if n != "bald"])
def test_passes_and_members_score_like_their_mean(name):
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(3), size=(4, 2, 6))
    np.testing.assert_allclose(
        score(name, COUNTS, probs), score(name, COUNTS, probs.mean((0, 1))), atol=1e-12
    )


def test_bald_takes_passes_and_members_alike():
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(3), size=(4, 2, 6))
    np.testing.assert_allclose(
        score("bald", COUNTS, probs), score("bald", COUNTS, probs.reshape(8, 6, 3))
    )


def test_activelab_of_single_votes_and_of_unlabelled_tasks():
    counts = np.array([[1, 0], [0, 1], [0, 1], [0, 0], [0, 0]])
    probs = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [0.99, 0.01]])
    expected = [-0.766667, -0.3, -0.633333, -0.5, -0.745]
    np.testing.assert_allclose(score("activelab", counts, probs), expected, atol=1e-6)


def test_activelab_counts_further_votes_as_evidence():
    """Quality .9 grows to (.9 + 1) / 2 with a second vote for it and falls to .45 against it."""
    counts = np.array([[2, 0], [1, 1]])
    probs = np.array([[0.9, 0.1], [0.9, 0.1]])
    expected = [-(0.95 * 3 + 0.5) / 4, -(0.45 * 3 + 0.5) / 4]
    shown = np.array([0, 0])
    np.testing.assert_allclose(score("activelab", counts, probs, labels=shown), expected)


def test_ratio_is_the_gain_per_expected_vote():
    counts = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]])
    probs = np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0], [0, 1, 0]])
    np.testing.assert_allclose(score("ratio", counts, probs), [0.368421, 0.473684, 0.5], atol=1e-6)


def test_random_is_a_seeded_permutation():
    rng = np.random.default_rng(5)
    values = SCORES["random"](np.ones((50, 2), int), np.full((50, 2), 0.5), rng=rng)
    again = SCORES["random"](
        np.ones((50, 2), int), np.full((50, 2), 0.5), rng=np.random.default_rng(5)
    )
    assert len(set(values)) == 50
    assert values.min() >= 0
    assert values.max() < 1
    np.testing.assert_array_equal(values, again)
    assert np.argsort(values).tolist() != list(range(50))


def test_multi_label_scores_are_those_of_one_binary_question_per_label():
    """p = (.9, .2, .5) for y = (1, 1, 0): one row per label, aggregated as the queue needs."""
    counts = np.array([[0, 1], [0, 1], [1, 0]])
    probs = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    np.testing.assert_allclose(
        cross_entropy(normalise(counts), probs), [0.105361, 1.609438, 0.693147], atol=1e-6
    )
    np.testing.assert_allclose(entropy(probs), [0.325083, 0.500402, 0.693147], atol=1e-6)
    each = score("phi", counts, probs)
    np.testing.assert_allclose(each, [-0.219722, 1.109035, 0], atol=1e-6)
    assert each.sum() == pytest.approx(0.889313, abs=1e-6)
    assert each.max() == pytest.approx(1.109035, abs=1e-6)
    assert each.mean() == pytest.approx(0.296438, abs=1e-6)


@pytest.mark.parametrize("name", NEEDS_LABEL)
def test_unlabelled_tasks_come_last_the_most_uncertain_first(name):
    rng = np.random.default_rng(2)
    probs = np.concatenate([rng.dirichlet(np.ones(4) * 0.2, 500), np.eye(4)])
    probs = np.concatenate([probs, [[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]]])
    counts = np.zeros((506, 4), dtype=int)
    counts[np.arange(504), np.concatenate([rng.integers(0, 4, 500), np.arange(4)])] = 1
    values = score(name, counts, probs)
    sure, unsure = values[504:]
    assert values[:504].min() > unsure > sure


@pytest.mark.parametrize("name", NEEDS_LABEL)
def test_all_unlabelled_is_ranked_by_entropy(name):
    rng = np.random.default_rng(3)
    probs = rng.dirichlet(np.ones(3), 40)
    values = score(name, np.zeros((40, 3), dtype=int), probs)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(np.argsort(values), np.argsort(entropy(probs)))


@pytest.mark.parametrize("name", SCORES)
def test_all_classes_tied_gives_finite_scores(name):
    values = score(name, np.ones((3, 4), dtype=int), np.full((3, 4), 0.25))
    assert np.isfinite(values).all()
    if name != "random":
        assert np.ptp(values) == 0


@pytest.mark.parametrize("name", SCORES)
def test_posteriors_with_exact_zeros_give_finite_scores(name):
    assert np.isfinite(score(name, COUNTS, np.eye(3)[[0, 1, 2, 0, 1, 2]])).all()


def test_entropy_of_a_certain_posterior_is_exactly_zero():
    assert entropy(np.eye(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", [n for n in SCORES if n != "random"])
@pytest.mark.parametrize("shape", [(), (2,), (2, 2)], ids=["plain", "passes", "ensemble"])
def test_many_tasks_score_as_few(name, shape):
    """More rows than are scored at once, some of them unlabelled."""
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 2, (20_000, 3))
    probs = rng.dirichlet(np.ones(3), size=(*shape, 20_000))
    whole = score(name, counts, probs)
    for rows in (slice(0, 10), slice(8190, 8200), slice(16_380, 16_390), slice(19_990, None)):
        np.testing.assert_allclose(
            whole[rows], score(name, counts[rows], probs[..., rows, :]), atol=1e-12
        )


@pytest.mark.parametrize("name", SCORES)
def test_no_tasks_give_no_scores(name):
    assert score(name, np.zeros((0, 3), dtype=int), np.zeros((0, 3))).shape == (0,)


def test_posteriors_that_nearly_sum_to_one_are_normalised():
    off = PROBS * (1 + 5e-5)
    np.testing.assert_allclose(score("phi", COUNTS, off), score("phi", COUNTS, PROBS), rtol=1e-9)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0.5, np.nan, 0.5], r"probs has 1 rows that are not distributions.*first rows: \[1\]"),
        ([np.inf, 0, 0], r"probs has 1 rows that are not distributions.*first rows: \[1\]"),
        ([1.2, -0.2, 0], r"probs has 1 rows that are not distributions.*first rows: \[1\]"),
        ([0.5, 0.3, 0.1], r"probs has 1 rows that are not distributions.*first rows: \[1\]"),
        ([0, 0, 0], r"probs has 1 rows that are not distributions.*first rows: \[1\]"),
    ],
    ids=["nan", "inf", "negative", "unnormalised", "zeros"],
)
def test_rows_that_are_no_distribution_are_named(name, bad, message):
    probs = PROBS.copy()
    probs[1] = bad
    with pytest.raises(InvalidValuesError, match=message):
        score(name, COUNTS, probs)


@pytest.mark.parametrize("name", SCORES)
def test_one_class_is_refused(name):
    with pytest.raises(InvalidValuesError, match=r"probs has 1 class\(es\); at least two"):
        score(name, np.ones((2, 1), dtype=int), np.ones((2, 1)))


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    ("counts", "probs", "message"),
    [
        (COUNTS, PROBS[:5], r"counts has shape \(6, 3\) but probs gives \(5, 3\)"),
        (COUNTS[:, :2], PROBS, r"counts has shape \(6, 2\) but probs gives \(6, 3\)"),
        (COUNTS, PROBS[0], r"probs has shape \(3,\); expected \(N, K\), \(T, N, K\)"),
        (COUNTS, PROBS[None, None, None], r"probs has shape \(1, 1, 1, 6, 3\); expected"),
    ],
    ids=["rows", "classes", "one-dimensional", "five-dimensional"],
)
def test_wrong_shapes_are_refused(name, counts, probs, message):
    with pytest.raises(InvalidValuesError, match=message):
        score(name, counts, probs)


def test_negative_counts_are_refused():
    with pytest.raises(InvalidValuesError, match="smallest value -1"):
        score("phi", COUNTS - 1, PROBS)
