import numpy as np
import pytest
import torch
from relabel.errors import ConfigurationError, NotReadyError
from relabel.learning.data import TrainingData
from relabel.learning.selectors.linear import HoldOut
from relabel.learning.selectors.registry import select
from steps import step


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_sees_through_a_fifth_of_wrong_labels(noisy_digits, seed):
    digits = noisy_digits(seed)
    selection = select("linear", digits.data, {}, seed=seed)
    right = selection.posteriors.probs.argmax(1) == digits.truth
    assert right.mean() >= 0.97
    assert selection.out_of_sample


def test_it_is_as_good_as_scikit_learns_cross_validated_logistic_regression(noisy_digits):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    digits = noisy_digits(3, size=600)
    labels = digits.data.labels
    ours = select("linear", digits.data, {}, seed=0).posteriors.probs
    peers = [LogisticRegression(C=strength, max_iter=300) for strength in (0.3, 1, 3, 10)]
    theirs = [
        cross_val_predict(peer, digits.data.vectors, labels, cv=5, method="predict_proba")
        for peer in peers
    ]

    def loss(probs: np.ndarray) -> float:
        return -np.log(probs[np.arange(len(labels)), labels]).mean()

    best = min(theirs, key=loss)
    assert loss(ours) <= loss(best) + 0.02
    assert (ours.argmax(1) == digits.truth).mean() >= (best.argmax(1) == digits.truth).mean() - 0.01


def test_the_same_seed_gives_the_same_posteriors(noisy_digits):
    data = noisy_digits(0, size=300).data
    first, second = (select("linear", data, {}, seed=5).posteriors.probs for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_tasks_own_votes_do_not_move_its_posterior_to_themselves():
    """With labels that the vectors say nothing about, held-out accuracy stays at chance."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 400)
    vectors = generator.normal(size=(400, 50)).astype(np.float32)
    data = TrainingData(np.arange(400), np.eye(2, dtype=np.int64)[labels], vectors)
    probs = select("linear", data, {}, seed=0).posteriors.probs
    assert (probs.argmax(1) == labels).mean() < 0.6


def test_unlabelled_tasks_are_judged_but_not_trained_on(noisy_digits):
    digits = noisy_digits(0)
    counts = digits.data.counts.copy()
    counts[:200] = 0
    probs = select("linear", digits.data.with_counts(counts), {}, seed=0).posteriors.probs
    assert (probs[:200].argmax(1) == digits.truth[:200]).mean() > 0.95


def test_several_votes_per_task_are_a_distribution(noisy_digits):
    data = noisy_digits(0, size=300).data
    tenfold = data.with_counts(data.counts * 10)
    np.testing.assert_allclose(
        select("linear", data, {}, seed=0).posteriors.probs,
        select("linear", tenfold, {}, seed=0).posteriors.probs,
    )


def test_too_few_labelled_tasks_are_refused(noisy_digits):
    with pytest.raises(NotReadyError, match="9 tasks have votes"):
        select("linear", noisy_digits(0, size=9).data, {}, seed=0)


def test_missing_embeddings_are_named():
    data = TrainingData(np.arange(20), np.eye(2, dtype=np.int64)[np.arange(20) % 2])
    with pytest.raises(ConfigurationError, match="choose an encoder"):
        select("linear", data, {}, seed=0)


def test_hold_out_keeps_each_network_from_its_fold():
    weighting = HoldOut(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1]))
    weights = weighting.weigh(step([[1.0] * 4] * 2))
    assert weights.tolist() == [[0, 2, 2, 0], [2, 0, 0, 2]]
