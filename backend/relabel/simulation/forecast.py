"""How many more votes a real project needs, from a pilot: the rest of it is simulated many times.

Nothing here knows the truth. What the pilot's relabelled tasks revealed says how far the model's
doubts can be believed; then the truth of all other tasks is drawn, again and again, and each time
the same loop that runs a simulated campaign plays the project to its end.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.estimates.noise_rate import Estimate, noise_matrix
from relabel.numerics.estimates.yields import DoubtModel, fit_doubt
from relabel.simulation.campaign.loop import Prioritise, Queue, Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.people import Crowd
from relabel.simulation.data.dataset import certain
from relabel.simulation.data.noise_models import draw
from relabel.simulation.measure.curves import curve_of, visits_of
from relabel.types import BoolArray, FloatArray, IntArray

FLOOR = 1e-3
"""Least probability of a class once label noise is taken out of the posteriors."""

TO_THE_END = 4
"""Votes per task after which a simulated rest is given up."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """A project some way into relabelling, N tasks.

    given: (N,) the labels at the start; tasks without a label are left out by the caller.
    labels: (N,) the labels now. settled: (N,) people have decided; the others still carry `given`.
    probs: (N, K) out-of-sample posteriors. score: (N,) relabelling priority, higher = sooner.
    agreeing, disagreeing: people's votes on settled tasks that equal, or not, what was settled.
    audit_share: of visits that go to a random task, now and later. wrong: share of wrong labels at
    the start as the random audit has it; None = not known yet, and the model alone is believed.
    """

    given: IntArray
    labels: IntArray
    settled: BoolArray
    probs: FloatArray
    score: FloatArray
    agreeing: int
    disagreeing: int
    audit_share: float = 0.0
    wrong: Estimate | None = None

    def __post_init__(self) -> None:
        n = len(self.given)
        rows = (self.labels, self.settled, self.probs, self.score)
        if any(len(values) != n for values in rows) or n == 0 or (self.given < 0).any():
            raise InvalidValuesError(
                f"Pilot needs labels, settled, probs and score for each of its {n} labelled tasks."
            )


@dataclass(frozen=True, slots=True)
class Forecast:
    """Further votes until `target` of the labels are right, counted from now: medians of endings.

    votes: in the order of priority; random: in random order; ratio: how many times more votes
    random order needs; each None where half of the endings never reach the target. correct_now:
    share of right labels at present; noise_rate: of wrong ones at the start; both None as long as
    `unknown` says why nothing is known of them. There are no intervals: those of the endings did
    not hold (docs/simulation.md has the figures).
    """

    target: float
    votes: float | None
    random: float | None
    ratio: float | None
    correct_now: float | None
    noise_rate: float | None
    unknown: str = ""


def forecast(pilot: Pilot, *, target: float = 0.95, draws: int = 100, seed: int = 0) -> Forecast:
    """Forecast the votes to a share of right labels.

    Args:
        pilot: the project as it is.
        target: share of right labels, in (0, 1].
        draws: simulated endings.
        seed: of all of them.

    Raises:
        ConfigurationError: target out of range.
    """
    if not 0 < target <= 1:
        raise ConfigurationError(f"forecast: target = {target:g} lies in (0, 1].")
    rng = np.random.default_rng(seed)
    doubts = corrected_doubt(pilot.given, pilot.probs)
    seen = pilot.settled
    model = fit_doubt(doubts[seen], pilot.labels[seen] != pilot.given[seen])
    endings = np.array([_ending(pilot, doubts, model, target, rng) for _ in range(draws)])
    ours, random, now, noise = endings.T
    # A project that is there already needs no votes in either order.
    ratio = np.where(np.isfinite(ours), 1.0, np.inf)
    np.divide(random, ours, out=ratio, where=(ours > 0) & np.isfinite(ours))
    audited = pilot.wrong is not None
    return Forecast(
        target=target,
        votes=_median(ours),
        random=_median(random),
        ratio=_median(ratio),
        correct_now=_median(now) if audited else None,
        noise_rate=_median(noise) if audited else None,
    )


def true_class_posteriors(given: IntArray, probs: FloatArray) -> FloatArray:
    """Return (N, K) chances of each class being the true one, the given label taken into account.

    A model trained on noisy labels predicts noisy labels: with 20 % of them wrong it is at most
    80 % sure. The estimated noise matrix is divided out, then applied to the label at hand
    (Northcutt et al. 2021 for the matrix).
    """
    matrix = noise_matrix(given, probs)
    clean = np.linalg.lstsq(matrix.T, probs.astype(np.float64).T, rcond=None)[0].T
    clean = clean.clip(FLOOR)
    # A label that the matrix holds impossible for a class is only very unlikely.
    joint = clean * matrix.T[given].clip(FLOOR)
    posteriors: FloatArray = joint / joint.sum(1, keepdims=True)
    return posteriors


def corrected_doubt(given: IntArray, probs: FloatArray) -> FloatArray:
    """Return (N,) chances that the given label is wrong, before any relabelling."""
    posteriors = true_class_posteriors(given, probs)
    doubts: FloatArray = 1 - posteriors[np.arange(len(given)), given]
    return doubts.clip(0, 1)


def _ending(
    pilot: Pilot, doubts: FloatArray, model: DoubtModel, target: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return votes by priority, votes at random, share right now and noise, for one drawn truth."""
    coefficients = rng.multivariate_normal(model.coefficients, model.covariance)
    wrong_chance = DoubtModel(coefficients, model.covariance).probability(doubts)
    if pilot.wrong is not None:
        wrong_chance = _as_audited(pilot, wrong_chance, pilot.wrong, rng)
    wrong = (rng.random(len(doubts)) < wrong_chance) & ~pilot.settled
    truth = pilot.labels.copy()
    truth[wrong] = _other_class(pilot, wrong, rng)
    agreement = float(rng.beta(pilot.agreeing + 2, pilot.disagreeing + 0.5))
    seed = int(rng.integers(2**31))
    shuffled = rng.permutation(len(truth)).astype(np.float64)
    ours = _votes_to(pilot, truth, pilot.score, agreement, target, seed)
    random = _votes_to(pilot, truth, shuffled, agreement, target, seed)
    return ours, random, float((pilot.labels == truth).mean()), float((pilot.given != truth).mean())


def _as_audited(
    pilot: Pilot, chances: FloatArray, audited: Estimate, rng: np.random.Generator
) -> FloatArray:
    """Move the chances (N,) of open tasks so that they add up to a draw of the audit's figure.

    The model orders the tasks; how many are wrong, only the audit knows.
    """
    rest = ~pilot.settled
    if not rest.any():
        return chances
    z = float(rng.standard_normal())
    reach = audited.high - audited.value if z > 0 else audited.value - audited.low
    rate = audited.value + z * reach / float(ndtri((1 + audited.level) / 2))
    found = int((pilot.labels != pilot.given)[pilot.settled].sum())
    share = float(np.clip((rate * len(chances) - found) / rest.sum(), FLOOR, 1 - FLOOR))
    odds = logit(chances.clip(1e-9, 1 - 1e-9))
    shift = brentq(lambda by: float(expit(odds[rest] + by).mean()) - share, -50, 50)
    moved: FloatArray = expit(odds + shift)
    return moved


def _other_class(pilot: Pilot, wrong: BoolArray, rng: np.random.Generator) -> IntArray:
    """Draw the true classes of labels that are wrong."""
    posteriors = true_class_posteriors(pilot.given, pilot.probs)[wrong]
    posteriors[np.arange(len(posteriors)), pilot.given[wrong]] = 0
    return draw(posteriors / posteriors.sum(1, keepdims=True), rng)


def _votes_to(
    pilot: Pilot, truth: IntArray, score: FloatArray, agreement: float, target: float, seed: int
) -> float:
    k = pilot.probs.shape[1]
    spread = (1 - agreement) / (k - 1)
    distributions = spread + (agreement - spread) * certain(truth, k)
    counts = initial_counts(pilot.labels, k)
    rules = Rules(TO_THE_END * len(truth), audit_share=pilot.audit_share)
    # Settled tasks are neither asked by priority nor drawn for the audit again.
    rest = np.flatnonzero(~pilot.settled)
    right_elsewhere = int((pilot.labels == truth)[pilot.settled].sum())
    if not len(rest):
        return 0.0 if right_elsewhere >= target * len(truth) else float("inf")
    order = _in_order(score[rest])
    log = run_campaign(
        counts[rest], order, Crowd(distributions[rest], seed), rules, audit_seed=seed
    )
    curve = curve_of(visits_of(log, counts[rest], rules), truth[rest], pilot.labels[rest])
    needed = (target * len(truth) - right_elsewhere) / len(rest)
    votes = curve.votes_to(needed)
    return float("inf") if votes is None else float(votes)


def _in_order(score: FloatArray) -> Prioritise:
    def prioritise(_: IntArray, labels: IntArray, pool: BoolArray) -> Queue:
        order = np.argsort(-score[: len(labels)], kind="stable")
        return OrderedQueue(order[pool[order]])

    return prioritise


def _median(values: FloatArray) -> float | None:
    """Return the median; None where at least half of the endings never get there."""
    middle = float(np.median(values))
    return middle if np.isfinite(middle) else None
