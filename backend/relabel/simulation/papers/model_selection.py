"""Choosing between two models by noisy, partly cleaned and true evaluation labels.

Bernhardt et al. 2022, Table 2. The guard rails of its Discussion are kept: the evaluation set is
cleaned first, by a selector that is trained on that set alone and is none of the models compared.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from relabel.numerics.diversity.spread import Surroundings
from relabel.simulation.campaign.loop import Rules, initial_counts, run_campaign
from relabel.simulation.campaign.people import Crowd
from relabel.simulation.campaign.rankings import Method, model_order, selector_of
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.data.dataset import Dataset, HeldOut, certain
from relabel.simulation.data.noise_models import instance
from relabel.simulation.measure.curves import visits_of
from relabel.types import Float32Array, IntArray

RATE = 0.40
TRAINED, EVALUATED = 4000, 10_000
PARTS = range(250, TRAINED, 25)
"""Sizes of the robust model's training set that are tried."""

SELECTOR = "elr"
"""A selector that resists label noise, as in the paper. A plain linear one learns the same noise as
the flexible model, cleans what both know, and leaves their order as it was."""

SHARPNESS = 30.0
SHARES = (0.10, 0.20)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of two models on the same images. on: which labels; robust, flexible: in [0, 1]."""

    on: str
    robust: float
    flexible: float
    noise: float


def compare_models(pool: HeldOut, classes: tuple[str, ...], seed: int) -> list[Accuracy]:
    """Return both models' accuracy by noisy, cleaned and true labels.

    pool: features and true labels to draw training and evaluation sets from. The flexible model
    is hardly regularised and learns part of the instance-dependent noise, which the noisy
    evaluation labels reward. The robust one shrinks its covariance; it is given the largest
    training set with which the noisy evaluation labels still put it second. So the noisy labels
    choose the flexible model by construction, without a look at the truth; what is measured is
    whether the true labels disagree, and how soon cleaning notices.
    """
    rows = generator(seed, "sample").permutation(len(pool.labels))[: TRAINED + EVALUATED]
    features = _standardised(pool.features[rows])
    data = Dataset(
        "evaluation", classes, certain(pool.labels[rows], len(classes)), features=features
    )
    noisy = instance(data, generator(seed, "noise"), rate=RATE, sharpness=SHARPNESS)
    flexible = LogisticRegression(C=5e-2, max_iter=100)
    flexible.fit(features[:TRAINED], noisy[:TRAINED])
    second = flexible.predict(features[TRAINED:])
    first = _closest_behind(features, noisy, float((second == noisy[TRAINED:]).mean()))
    evaluated = data.rows(np.arange(TRAINED, len(rows)))
    labels = {"noisy": noisy[TRAINED:]}
    for share in SHARES:
        labels[f"cleaned {share:.0%}"] = clean(evaluated, labels["noisy"], share, seed)
    labels["true"] = evaluated.truth
    return [
        Accuracy(
            on=name,
            robust=float((first == against).mean()),
            flexible=float((second == against).mean()),
            noise=float((against != evaluated.truth).mean()),
        )
        for name, against in labels.items()
    ]


def _closest_behind(features: Float32Array, noisy: IntArray, bar: float) -> IntArray:
    """Return what the robust model says, trained on as much as keeps it below `bar`."""
    said: IntArray = noisy[TRAINED:]
    for part in PARTS:
        robust = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
        now = robust.fit(features[:part], noisy[:part]).predict(features[TRAINED:])
        if part > PARTS.start and (now == noisy[TRAINED:]).mean() >= bar:
            break
        said = now
    return said


def clean(data: Dataset, labels: IntArray, share: float, seed: int) -> IntArray:
    """Return the labels after relabelling the `share` of samples with the highest CE."""
    counts = initial_counts(labels, len(data.classes))
    surroundings = Surroundings(data.features, seed_of(seed, "model"))
    select = selector_of(SELECTOR, data, surroundings, seed_of(seed, "model"), given=labels)
    order = model_order(
        Method(SELECTOR, "ce"),
        select,
        surroundings,
        seed=seed_of(seed, "ties"),
        learn_from=counts,
    )
    rules = Rules(3 * len(data))
    people = Crowd(data.distributions, seed_of(seed, "annotators"))
    log = run_campaign(counts, order, people, rules)
    visits = visits_of(log, counts, rules)
    asked = visits.tasks[: round(share * len(data))]
    cleaned = labels.copy()
    cleaned[asked] = visits.after[: len(asked)]
    return cleaned


def _standardised(features: Float32Array) -> Float32Array:
    centred = features - features.mean(0)
    scaled: Float32Array = centred / np.sqrt((centred**2).mean())
    return scaled
