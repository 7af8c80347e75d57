"""How the initial labels of a simulated project come to be wrong.

A noise model is a function (data, rng, *, rate, ...) -> (N,) initial labels. Its keyword arguments
are its options. Transition matrices are T[true, given] with rows that sum to 1.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import truncnorm

from relabel.catalogue.options import meant
from relabel.errors import ConfigurationError
from relabel.simulation.data.dataset import Dataset
from relabel.types import FloatArray, IntArray

NoiseModel = Callable[..., IntArray]

CONFUSED = {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
}
"""Class pairs that people mix up on CIFAR-10 (Patrini et al. 2017; Bernhardt et al. 2022)."""

HOTTEST = 1e6
"""Temperature at which labels are uniform over all answers that were ever seen."""


def given(data: Dataset, rng: np.random.Generator, *, rate: float | None = None) -> IntArray:
    """Return the wrong labels that the data set itself brings; `rate` must be left out."""
    del rng
    if data.given is None:
        raise ConfigurationError(
            f"noise='given' needs labels that come with the data; {data.name} has none. "
            "Choose another noise model."
        )
    if rate is not None:
        raise ConfigurationError("noise='given' uses the labels as they are: leave noise_rate out.")
    return data.given.copy()


def temperature(
    data: Dataset,
    rng: np.random.Generator,
    *,
    rate: float | None = None,
    temperature: float | None = None,
) -> IntArray:
    """Draw labels from d ** (1 / temperature): hard samples are wrong more often.

    Exactly one of `rate` (expected share of wrong labels, the temperature is then solved for) and
    `temperature` (1 = what annotators answer, 2 and 10 in the paper) must be given. A unanimous
    sample is never wrong (Bernhardt et al. 2022, Methods).
    """
    if (rate is None) == (temperature is None):
        raise ConfigurationError("noise='temperature' needs either noise_rate or temperature.")
    if temperature is None:
        temperature = _temperature_for(data, float(rate or 0.0))
    return draw(heat(data.distributions, temperature), rng)


def symmetric(data: Dataset, rng: np.random.Generator, *, rate: float | None = None) -> IntArray:
    """Replace a share `rate` of the labels by a uniformly drawn *other* class."""
    k = len(data.classes)
    return transit(data.truth, symmetric_matrix(k, _rate(rate)), rng)


def symmetric_inclusive(
    data: Dataset, rng: np.random.Generator, *, rate: float | None = None
) -> IntArray:
    """Redraw a share `rate` of the labels over all classes: (1 - 1/K) * rate end up wrong."""
    k, eta = len(data.classes), _rate(rate)
    return transit(data.truth, (1 - eta) * np.eye(k) + eta / k, rng)


def class_dependent(
    data: Dataset, rng: np.random.Generator, *, rate: float | None = None
) -> IntArray:
    """Flip classes to the one people take them for, with probability `rate`.

    On CIFAR-10 the usual pairs are used, classes without a partner stay clean, and the share of
    wrong labels is half of `rate`. Elsewhere each class gets one random partner.
    """
    k, eta = len(data.classes), _rate(rate)
    partner: IntArray = np.arange(k, dtype=np.int64)
    if set(CONFUSED) <= set(data.classes):
        for source, target in CONFUSED.items():
            partner[data.classes.index(source)] = data.classes.index(target)
    else:
        partner = (partner + rng.integers(1, k, size=k)) % k
    return transit(data.truth, _flip_matrix(partner, eta), rng)


def pair_flip(data: Dataset, rng: np.random.Generator, *, rate: float | None = None) -> IntArray:
    """Flip class i to class i + 1 (the last to the first) with probability `rate` (Han 2018)."""
    k = len(data.classes)
    return transit(data.truth, _flip_matrix((np.arange(k) + 1) % k, _rate(rate)), rng)


def class_symmetry(
    data: Dataset,
    rng: np.random.Generator,
    *,
    rate: float | None = None,
    keep_diagonal: bool = False,
) -> IntArray:
    """Redraw a share `rate` of the labels from random rows T_ij ~ U(0, 1) (Kim 2022).

    The paper keeps T's diagonal, which makes only (1 - 1/K) * rate of the labels wrong;
    by default the diagonal is removed, so that `rate` is the share of wrong labels.
    """
    k = len(data.classes)
    matrix = rng.uniform(size=(k, k))
    if not keep_diagonal:
        np.fill_diagonal(matrix, 0.0)
    matrix /= matrix.sum(1, keepdims=True)
    redrawn = rng.random(len(data)) < _rate(rate)
    return np.where(redrawn, transit(data.truth, matrix, rng), data.truth)


def instance(
    data: Dataset,
    rng: np.random.Generator,
    *,
    rate: float | None = None,
    sd: float = 0.1,
    sharpness: float = 10.0,
) -> IntArray:
    """Draw labels that depend on the sample's own features (Xia et al. 2020, Algorithm 2).

    Each sample is wrong with probability q ~ truncated normal(rate, sd); which class it takes
    follows a random projection of its features. Features are scaled to length `sharpness`: raw
    features are long, which makes the projection's softmax all but deterministic.
    """
    if data.features is None:
        raise ConfigurationError(f"noise='instance' needs features; {data.name} has none.")
    n, k = len(data), len(data.classes)
    mean = _rate(rate)
    q = truncnorm((0 - mean) / sd, (1 - mean) / sd, loc=mean, scale=sd).rvs(n, random_state=rng)
    projections = rng.standard_normal((k, data.features.shape[1], k))
    lengths = np.linalg.norm(data.features, axis=1, keepdims=True).clip(1e-12)
    scaled = data.features.astype(np.float64) / lengths * sharpness
    return draw(instance_rows(scaled, data.truth, q, projections), rng)


def clusters(
    data: Dataset, rng: np.random.Generator, *, rate: float | None = None, groups: int = 100
) -> IntArray:
    """Swap labels to a neighbouring class, by clusters of the features, each with an own rate.

    Samples that look alike are wrong alike, so that neighbours confirm each other. The classes are
    those whose mean lies nearest to the cluster's; rates are 1 - u^a with u uniform, and a such
    that `rate` of all labels are expected to be wrong. On CIFAR-10N rates of 100 clusters differ
    by .03 (sd), here by .13 at a rate of .15: harder than what people do.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - heavy, and no other noise model needs it

    if data.features is None:
        raise ConfigurationError(f"noise='clusters' needs features; {data.name} has none.")
    truth, k, mean = data.truth, len(data.classes), _rate(rate)
    vectors = data.features.astype(np.float64)
    found = KMeans(min(groups, len(data)), n_init=1, random_state=int(rng.integers(2**31)))
    group = found.fit(vectors).labels_
    present = np.unique(truth)
    middles = np.stack([vectors[truth == c].mean(0) for c in present])
    distance = np.full((len(found.cluster_centers_), k), np.inf)
    distance[:, present] = ((found.cluster_centers_[:, None] - middles) ** 2).sum(2)
    away = distance[group]
    away[np.arange(len(data)), truth] = np.inf
    swapped = rng.random(len(data)) < _rates_of(group, mean, rng)
    return np.where(swapped, away.argmin(1), truth)


NOISE_MODELS: dict[str, NoiseModel] = {
    "given": given,
    "temperature": temperature,
    "symmetric": symmetric,
    "symmetric_inclusive": symmetric_inclusive,
    "class_dependent": class_dependent,
    "pair_flip": pair_flip,
    "class_symmetry": class_symmetry,
    "instance": instance,
    "clusters": clusters,
}


def check_noise(name: str) -> None:
    """Refuse a noise model that there is not.

    Raises:
        ConfigurationError: naming those that there are.

    """
    if name not in NOISE_MODELS:
        raise ConfigurationError(
            f"noise={name!r} is unknown; known: {', '.join(NOISE_MODELS)}."
            f"{meant(name, NOISE_MODELS)}"
        )


def make_noise(
    name: str, data: Dataset, rng: np.random.Generator, *, rate: float | None
) -> IntArray:
    """Return (N,) initial labels by the named noise model.

    Raises:
        ConfigurationError: no such model, or it does not suit the data.
    """
    check_noise(name)
    return NOISE_MODELS[name](data, rng, rate=rate)


def heat(distributions: FloatArray, temperature: float) -> FloatArray:
    """Return (N, K) distributions raised to 1 / temperature and renormalised."""
    # Relative to the likeliest class, or a low temperature would leave nothing but zeros.
    likeliest = distributions.max(1, keepdims=True)
    heated: FloatArray = (distributions / likeliest) ** (1 / temperature)
    heated /= heated.sum(1, keepdims=True)
    return heated


def symmetric_matrix(classes: int, rate: float) -> FloatArray:
    """Return the (K, K) matrix that keeps a label with 1 - rate and else takes any other."""
    off = rate / (classes - 1)
    matrix: FloatArray = np.full((classes, classes), off)
    np.fill_diagonal(matrix, 1 - rate)
    return matrix


def instance_rows(
    features: FloatArray, truth: IntArray, q: FloatArray, projections: FloatArray
) -> FloatArray:
    """Return (N, K) label distributions of instance-dependent noise.

    features: (N, D); truth: (N,); q: (N,) probability of a wrong label; projections: (K, D, K),
    one matrix per true class.
    """
    rows: FloatArray = np.empty((len(truth), projections.shape[2]))
    for c in range(len(projections)):
        rows[truth == c] = features[truth == c] @ projections[c]
    samples = np.arange(len(truth))
    rows[samples, truth] = -np.inf
    np.exp(rows - rows.max(1, keepdims=True), out=rows)
    rows *= (q / rows.sum(1))[:, None]
    rows[samples, truth] = 1 - q
    return rows


def transit(truth: IntArray, matrix: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return (N,) labels drawn from the rows matrix[truth]; matrix: (K, K), rows sum to 1."""
    return draw(matrix[truth], rng)


def draw(rows: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return (N,) classes, one drawn from each row of the (N, K) distributions."""
    cumulative = rows.cumsum(1)
    # The last step may miss 1 by rounding; scaling keeps a draw from falling off the end.
    uniforms = rng.random(len(rows)) * cumulative[:, -1]
    drawn: IntArray = (cumulative <= uniforms[:, None]).sum(1, dtype=np.int64)
    return drawn


def _flip_matrix(partner: IntArray, rate: float) -> FloatArray:
    k = len(partner)
    matrix = np.eye(k)
    moved = np.flatnonzero(partner != np.arange(k))
    matrix[moved, moved] = 1 - rate
    matrix[moved, partner[moved]] = rate
    return matrix


def _rates_of(group: IntArray, mean: float, rng: np.random.Generator) -> FloatArray:
    """Return (N,) rates, one for each group, whose mean over the samples is `mean`."""
    uniforms = rng.random(int(group.max()) + 1)[group]
    low, high = 1e-9, 1e9
    for _ in range(100):
        power = (low * high) ** 0.5
        low, high = (power, high) if (1 - uniforms**power).mean() < mean else (low, power)
    rates: FloatArray = 1 - uniforms**low
    return rates


def _temperature_for(data: Dataset, rate: float) -> float:
    """Return the temperature whose expected share of wrong labels is `rate`, by bisection."""
    truth, rows = data.truth, np.arange(len(data))

    def wrong(at: float) -> float:
        return 1 - float(heat(data.distributions, at)[rows, truth].mean())

    low, high = 1e-3, HOTTEST
    if not wrong(low) <= rate < wrong(high):
        raise ConfigurationError(
            f"noise_rate={rate} cannot be reached by temperature on {data.name}: at most "
            f"{wrong(high):.3f} of its labels can become wrong. Use noise='symmetric' instead."
        )
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if wrong(middle) < rate else (low, middle)
    return low


def _rate(rate: float | None) -> float:
    if rate is None or not 0 <= rate < 1:
        raise ConfigurationError(f"noise_rate={rate} must lie in [0, 1) for this noise model.")
    return rate
