"""Which samples of a data set an experiment uses."""

import numpy as np

from relabel.errors import ConfigurationError
from relabel.simulation.data.dataset import Dataset, normalised_entropy
from relabel.simulation.data.noise_models import heat
from relabel.types import BoolArray, IntArray

DIFFICULT = 0.30
"""Normalised entropy above which a sample counts as ambiguous (Bernhardt et al. 2022)."""

REFERENCE_SEED = 1234
"""Seed of the published CIFAR-10H subset and of its initial labels."""


def ambiguous(data: Dataset) -> BoolArray:
    """Return (N,) whether annotators disagree about the sample by nature."""
    return normalised_entropy(data.distributions) > DIFFICULT


def keep_ambiguous(data: Dataset, size: int) -> Dataset:
    """Return `size` samples: all ambiguous ones and random clear ones, shuffled.

    This is how the reference implementation of Bernhardt et al. 2022 reaches 15 % noise at
    temperature 2 with 5,000 of the 10,000 CIFAR-10H images; the paper does not say it. The legacy
    generator is used so that the very same images come out.
    """
    hard = ambiguous(data)
    if not hard.sum() <= size <= len(data):
        raise ConfigurationError(
            f"size={size} must lie between the {int(hard.sum())} ambiguous samples "
            f"and all {len(data)}."
        )
    rng = np.random.RandomState(REFERENCE_SEED)
    easy = rng.permutation(np.flatnonzero(~hard))[: size - int(hard.sum())]
    return data.rows(rng.permutation(np.concatenate([np.flatnonzero(hard), easy])))


def reference_labels(data: Dataset, temperature: float) -> IntArray:
    """Return the (N,) initial labels of the published CIFAR-10H experiments.

    Labels are drawn from d ** (1 / temperature), renormalised, by inversion with the same
    generator as the reference implementation, so that results can be compared sample by sample.
    """
    uniforms = np.random.RandomState(REFERENCE_SEED).random_sample(len(data))
    cumulative = heat(data.distributions, temperature).cumsum(1)
    drawn: IntArray = (cumulative < uniforms[:, None]).sum(1, dtype=np.int64)
    return drawn


def long_tailed(truth: IntArray, imbalance: float, rng: np.random.Generator) -> IntArray:
    """Return increasing row numbers of a long-tailed sample of classes (Khanal et al. 2024).

    Class c keeps floor(N_0 * imbalance ** (-c / (K - 1))) samples, where N_0 is the size of the
    smallest class and classes are numbered from the most frequent of the result to the rarest.

    Raises:
        ConfigurationError: `imbalance` is below 1.
    """
    if imbalance < 1:
        raise ConfigurationError(f"imbalance={imbalance} must be at least 1.")
    sizes = np.bincount(truth)
    wanted = long_tailed_sizes(int(sizes.min()), len(sizes), imbalance)
    kept = [
        rng.choice(np.flatnonzero(truth == c), size=n, replace=False) for c, n in enumerate(wanted)
    ]
    return np.sort(np.concatenate(kept))


def long_tailed_sizes(largest: int, classes: int, imbalance: float) -> IntArray:
    """Return the (K,) class sizes of a long tail whose first class has `largest` samples."""
    exponents = -np.arange(classes) / (classes - 1)
    # A product such as 100 * 100 ** -0.5 may fall a rounding error short of a whole number.
    sizes: IntArray = np.floor(largest * imbalance**exponents + 1e-9).astype(np.int64)
    return sizes
