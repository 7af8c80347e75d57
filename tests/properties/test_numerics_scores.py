"""Laws of the scores: only vote shares matter, classes have no order, entropy has bounds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.posteriors import cross_entropy, entropy, normalise
from relabel.numerics.scoring import SCORES

BY_SHARES = ["phi", "phi_hinge", "ce", "tiered_phi", "entropy", "loss_entropy", "corractive"]
BY_SHARES += ["margin", "least_conf", "label_margin", "bald"]


@st.composite
def tasks(draw, *, ties=True):
    """Counts (N, K) and probabilities (N, K), some of them exactly 0 or 1, some rows unlabelled."""
    seed = draw(st.integers(0, 2**32 - 1))
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 6))
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (n, k)) * (rng.random((n, 1)) < 0.9)
    if not ties:
        counts = counts + np.eye(k, dtype=int)[rng.integers(0, k, n)] * 5
    concentration = draw(st.sampled_from([0.05, 0.5, 5]))
    probs = rng.dirichlet(np.full(k, concentration), n)
    certain = rng.random(n) < 0.2
    probs[certain] = np.eye(k)[rng.integers(0, k, certain.sum())]
    return counts, probs


@settings(deadline=None)
@given(tasks(), st.integers(1, 7))
def test_multiplying_all_votes_changes_no_score_of_shares(case, factor):
    counts, probs = case
    for name in BY_SHARES:
        np.testing.assert_allclose(
            SCORES[name](factor * counts, probs), SCORES[name](counts, probs), atol=1e-9
        )


@settings(deadline=None)
@given(tasks(ties=False), st.randoms(use_true_random=False))
def test_renaming_the_classes_changes_no_score(case, random):
    counts, probs = case
    order = list(range(counts.shape[1]))
    random.shuffle(order)
    for name in set(SCORES) - {"random"}:
        np.testing.assert_allclose(
            SCORES[name](counts[:, order], probs[:, order]),
            SCORES[name](counts, probs),
            atol=1e-9,
            err_msg=name,
        )


@settings(deadline=None)
@given(tasks())
def test_a_score_depends_on_its_own_row_alone(case):
    counts, probs = case
    for name in set(SCORES) - {"random"}:
        whole = SCORES[name](counts, probs)
        last = SCORES[name](counts[-1:], probs[-1:])
        np.testing.assert_allclose(whole[-1:], last, atol=1e-12, err_msg=name)


@settings(deadline=None)
@given(tasks())
def test_entropy_lies_between_zero_and_the_logarithm_of_the_classes(case):
    _, probs = case
    h = entropy(probs)
    assert (h >= 0).all()
    assert (h <= np.log(probs.shape[1]) + 1e-12).all()


@settings(deadline=None)
@given(tasks())
def test_cross_entropy_is_at_least_the_entropy_of_the_votes(case):
    """Gibbs: CE(q, p) >= H(q), equal where p = q and above where they differ."""
    counts, probs = case
    voted = counts.any(1)
    q, p = normalise(counts)[voted], probs[voted]
    gap = cross_entropy(q, p) - entropy(q)
    # Probabilities below the logarithm's floor cost a little less than they should.
    assert (gap >= -1e-10).all()
    np.testing.assert_allclose(cross_entropy(q, q), entropy(q), atol=1e-10)
    apart = np.abs(p - q).max(axis=1, initial=0) > 1e-3
    assert (gap[apart] > 0).all()


@settings(deadline=None)
@given(tasks())
def test_phi_is_the_difference_of_its_terms_and_is_not_clipped(case):
    counts, probs = case
    voted = counts.any(1)
    expected = cross_entropy(normalise(counts), probs) - entropy(probs)
    np.testing.assert_allclose(SCORES["phi"](counts, probs)[voted], expected[voted], atol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 3), st.integers(2, 5))
def test_bald_is_bounded_by_the_members_and_the_classes(seed, passes, models, classes):
    rng = np.random.default_rng(seed)
    members = rng.dirichlet(np.full(classes, 0.1), (passes, models, 4))
    counts = np.ones((4, classes), dtype=int)
    score = SCORES["bald"](counts, members)
    assert (score >= 0).all()
    assert (score <= min(np.log(passes * models), np.log(classes)) + 1e-9).all()
    agreeing = np.broadcast_to(members[:1, :1], members.shape)
    np.testing.assert_allclose(SCORES["bald"](counts, agreeing), 0, atol=1e-12)


@settings(deadline=None)
@given(tasks())
def test_labelled_tasks_outrank_unlabelled_ones_where_labels_are_needed(case):
    counts, probs = case
    empty = ~counts.any(1)
    if empty.any() and not empty.all():
        for name in (
            "phi",
            "phi_hinge",
            "ce",
            "tiered_phi",
            "loss_entropy",
            "corractive",
            "label_margin",
            "ratio",
        ):
            score = SCORES[name](counts, probs)
            assert score[~empty].min() > score[empty].max(), name
