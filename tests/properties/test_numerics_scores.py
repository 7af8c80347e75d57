"""Laws of the scores: only vote shares matter, classes have no order, entropy has bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.labels import top_classes
from relabel.numerics.posteriors import cross_entropy, entropy, normalise
from relabel.numerics.ranking import DIGITS, prioritise
from relabel.numerics.scoring import SCORES

BY_SHARES = ["phi", "phi_hinge", "ce", "tiered_phi", "entropy", "loss_entropy", "corractive"]
BY_SHARES += ["margin", "least_conf", "label_margin", "bald"]


@st.composite
def tasks(draw):
    """Counts (N, K) and probabilities (N, K), some of them exactly 0 or 1, some rows unlabelled."""
    seed = draw(st.integers(0, 2**32 - 1))
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 6))
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (n, k)) * (rng.random((n, 1)) < 0.9)
    concentration = draw(st.sampled_from([0.05, 0.5, 5]))
    probs = rng.dirichlet(np.full(k, concentration), n)
    certain = rng.random(n) < 0.2
    probs[certain] = np.eye(k)[rng.integers(0, k, certain.sum())]
    # As many posteriors do not know either, some between all classes and some between two.
    unsure = rng.random(n) < 0.2
    tenths = rng.integers(1, 3, (n, k))
    probs[unsure] = (tenths / tenths.sum(1, keepdims=True))[unsure]
    return counts, probs


@st.composite
def renamed(draw):
    """Tasks with shown labels among the top classes (some none), and the classes' new places."""
    counts, probs = draw(tasks())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top = np.where(top_classes(counts), rng.random(counts.shape), 0)
    labels = np.where(counts.any(1) & (rng.random(len(top)) < 0.7), top.argmax(1), -1)
    # labels[-1] = -1: no label stays none.
    order = rng.permutation(counts.shape[1])
    return counts, probs, labels, order, np.append(np.argsort(order), -1)


@settings(deadline=None)
@given(tasks(), st.integers(1, 7))
def test_multiplying_all_votes_changes_no_score_of_shares(case, factor):
    counts, probs = case
    for name in BY_SHARES:
        np.testing.assert_allclose(
            SCORES[name](factor * counts, probs), SCORES[name](counts, probs), atol=1e-9
        )


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(renamed())
def test_the_order_of_the_classes_changes_no_score(case):
    """With ties, unlabelled tasks, posteriors that are tied, with and without shown labels."""
    counts, probs, labels, order, places = case
    moved = counts[:, order], probs[:, order]
    for name in set(SCORES) - {"random"}:
        for shown, also in ((None, None), (labels, places[labels])):
            np.testing.assert_allclose(
                SCORES[name](*moved, labels=also),
                SCORES[name](counts, probs, labels=shown),
                atol=1e-9,
                err_msg=name,
            )


@settings(deadline=None)
@given(renamed(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_classes_changes_no_priority(case, seed):
    """But for the last decimal that counts, which rounding may tip."""
    counts, probs, labels, order, places = case
    rng = np.random.default_rng(seed)
    initial, states = rng.integers(0, 3, len(counts)), rng.integers(0, 4, len(counts))
    for name in set(SCORES) - {"random"}:
        here = SCORES[name](counts, probs, labels=labels)
        there = SCORES[name](counts[:, order], probs[:, order], labels=places[labels])
        np.testing.assert_allclose(
            prioritise(here, counts, initial, states),
            prioritise(there, counts[:, order], initial, states),
            atol=1.01 * 10.0**-DIGITS,
            err_msg=name,
        )


@settings(deadline=None)
@given(renamed())
def test_of_a_tie_the_score_judges_the_label_that_is_shown(case):
    """Without one, each of the tied labels in turn."""
    counts, probs, *_ = case
    top = top_classes(counts)
    for name in ("tiered_phi", "corractive", "label_margin", "ratio", "activelab"):
        each = np.stack(
            [
                SCORES[name](counts, probs, labels=np.full(len(counts), label))
                for label in range(counts.shape[1])
            ],
            axis=1,
        )
        voted = counts.any(1)
        mean = np.where(top, each, 0).sum(1)[voted] / top.sum(1)[voted]
        np.testing.assert_allclose(SCORES[name](counts, probs)[voted], mean, atol=1e-9)


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
