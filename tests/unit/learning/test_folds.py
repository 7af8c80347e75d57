"""Near-duplicates are held out together: in two folds they would vouch for each other's label."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.learning.data import TrainingData
from relabel.learning.folds import stratified_folds
from relabel.learning.selectors.registry import select
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.scoring import phi
from relabel.simulation.measure.evaluation import auroc

SIZE, COPIES = 300, 4

SELECTORS = {
    "linear": {},
    "simifeat": {},
    "cross_fit": {"folds": 2, "options": {"vanilla": {"epochs": 30}}},
}


def finds(name, data, wrong):
    probs = select(name, data, SELECTORS[name], seed=0).posteriors.probs
    return auroc(phi(data.counts, probs), wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", SELECTORS)
def test_copies_with_the_same_wrong_label_hide_nothing(noisy_digits, name):
    digits = noisy_digits(0, noise=0.4, size=SIZE)
    once = replace(digits.data, images=None, task_ids=np.arange(SIZE))
    total = COPIES * SIZE
    grain = np.random.default_rng(0).normal(0, 1e-3, (total, once.vectors.shape[1]))
    vectors = (np.tile(once.vectors, (COPIES, 1)) + grain).astype(np.float32)
    groups = Surroundings(vectors, 0).groups
    assert len(set(groups)) == SIZE
    copies = TrainingData(np.arange(total), np.tile(once.counts, (COPIES, 1)), vectors)
    wrong = np.tile(digits.wrong, COPIES)
    parted = finds(name, copies, wrong)
    assert parted < finds(name, once, digits.wrong)
    assert finds(name, replace(copies, groups=groups), wrong) > parted + 0.02


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    labels=st.lists(st.integers(-1, 3), min_size=30, max_size=80),
    folds=st.integers(2, 5),
)
def test_groups_are_parted_only_where_they_are_larger_than_a_fold(seed, labels, folds):
    labels = np.array([*labels, *range(4)] + [0] * 10)
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, len(labels) // 2, len(labels))
    groups[: rng.integers(0, len(labels))] = 0
    fold_of = stratified_folds(labels, folds, seed, groups)
    assert ((fold_of == -1) == (labels == -1)).all()
    labelled = labels >= 0
    for group in np.unique(groups[labelled]):
        found = fold_of[labelled & (groups == group)]
        assert len(set(found)) == 1 or len(found) > labelled.sum() // folds
    sizes = np.bincount(fold_of[labelled], minlength=folds)
    assert sizes.max() - sizes.min() <= max(1, np.bincount(groups[labelled]).max())


def test_images_that_all_look_the_same_are_still_dealt_to_every_fold():
    fold_of = stratified_folds(np.arange(24) % 3, 4, 0, np.zeros(24, dtype=np.int64))
    assert np.bincount(fold_of).tolist() == [6] * 4
