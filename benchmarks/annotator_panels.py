"""Projects whose truth is known, with a few votes of people of known accuracy."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import select
from relabel.simulation.data.sources import load_dataset
from relabel.types import BoolArray, FloatArray, IntArray

PANELS = {
    "good": np.array([0.02, 0.04, 0.06, 0.08, 0.1]),
    "unequal": np.array([0.05, 0.1, 0.2, 0.3, 0.4]),
}
"""How often each of five people errs."""
FIVE = 5
OLD = 0.15
AUDITED = 0.05
KNOWS = 0.8
"""How often the model's likeliest class is the true one."""
TASKS = {2: 2000, 10: 2000, 100: 2000, 1000: 4000}


@dataclass(frozen=True, slots=True)
class Panel:
    """One project at one moment. Letters: N tasks, K classes, V votes of people.

    truth, old: (N,) classes. probs: (N, K) posteriors of the old label, out of fold. tasks, people,
    said: (V,) who gave which task which class. width: how many people there are. audited: (N,)
    whether people alone judge it.
    """

    truth: IntArray
    old: IntArray
    probs: FloatArray
    tasks: IntArray
    people: IntArray
    said: IntArray
    width: int
    audited: BoolArray

    def counts(self) -> IntArray:
        """Return the (N, K) votes of people."""
        counts = np.zeros(self.probs.shape, dtype=np.int64)
        np.add.at(counts, (self.tasks, self.said), 1)
        return counts


@dataclass(frozen=True, slots=True)
class Case:
    """What is drawn.

    errors: "anywhere", or "one way": even classes are taken for the next one, others never. people:
    of `PANELS`. asked: about "all" tasks, or about "suspects", a fifth of them, half of these
    wrong. votes: per task that is asked about; audited ones get at least two.
    """

    classes: int
    errors: str
    people: str
    asked: str
    votes: int


def draw(case: Case, seed: int) -> Panel:
    """Draw a project; everything in it follows from the seed."""
    rng = np.random.default_rng(seed)
    classes, errors, people_err = case.classes, case.errors, PANELS[case.people]
    n = TASKS[classes]
    truth = rng.integers(classes, size=n)
    old = answers(truth, np.full(n, OLD), classes, errors, rng)
    probs = posteriors(truth, classes, rng) @ confusions(classes, errors)
    asked = np.ones(n, dtype=bool)
    if case.asked == "suspects":
        wrong, right = (rng.permutation(np.flatnonzero(x)) for x in (old != truth, old == truth))
        asked[:] = False
        asked[wrong[: n // 10]] = asked[right[: n // 5 - len(wrong[: n // 10])]] = True
    audited = np.zeros(n, dtype=bool)
    audited[rng.permutation(n)[: round(AUDITED * n)]] = True
    wanted = np.where(asked, case.votes, 0)
    wanted[audited] = np.maximum(wanted[audited], 2)
    order = rng.random((n, FIVE)).argsort(1)
    tasks, places = np.nonzero(np.arange(FIVE) < wanted[:, None])
    people = order[tasks, places]
    said = answers(truth[tasks], people_err[people], classes, errors, rng)
    return Panel(truth, old, probs, tasks, people, said, FIVE, audited)


def answers(
    truth: IntArray, error: FloatArray, classes: int, errors: str, rng: np.random.Generator
) -> IntArray:
    """Return what somebody says who errs that often."""
    if errors == "anywhere":
        wrong = rng.random(len(truth)) < error
        other = (truth + rng.integers(1, classes, len(truth))) % classes
        return np.where(wrong, other, truth)
    wrong = (truth % 2 == 0) & (rng.random(len(truth)) < 2 * error)
    return np.where(wrong, (truth + 1) % classes, truth)


def confusions(classes: int, errors: str) -> FloatArray:
    """Return (K, K) how the old labels err, and so what a model that is taught them says."""
    same = np.eye(classes)
    if errors == "anywhere":
        return np.asarray((1 - OLD) * same + OLD / (classes - 1) * (1 - same))
    wrong = np.where(np.arange(classes) % 2 == 0, 2 * OLD, 0.0)[:, None]
    return np.asarray((1 - wrong) * same + wrong * np.roll(same, 1, axis=1))


def posteriors(truth: IntArray, classes: int, rng: np.random.Generator) -> FloatArray:
    """Return (N, K) calibrated probabilities of the true class: of a Gaussian seen once."""
    noise = rng.standard_normal((len(truth), classes))
    low, high = 0.0, 12.0
    for _ in range(30):
        strength = (low + high) / 2
        seen = noise.copy()
        seen[np.arange(len(truth)), truth] += strength
        knows = (seen.argmax(1) == truth).mean()
        low, high = (strength, high) if knows < KNOWS else (low, strength)
    logs = strength * seen
    probs = np.exp(logs - logs.max(1, keepdims=True))
    return np.asarray(probs / probs.sum(1, keepdims=True))


def recorded(folder: Path, votes: int, seed: int) -> Panel:
    """Return 10,000 tasks of CIFAR-10N, of which the 3,000 most doubted are asked about."""
    data = load_dataset("cifar10n_people", folder)
    rng = np.random.default_rng(seed)
    data = data.rows(np.sort(rng.permutation(len(data))[:10_000]))
    if data.given is None or data.answers is None:
        raise SystemExit("cifar10n_people has no recorded answers.")
    n, old = len(data), data.given
    training = TrainingData(np.arange(n), np.eye(10, dtype=np.int64)[old], data.features, None)
    probs = select("linear", training, {}, seed=0).posteriors.probs.astype(np.float64)
    audited = np.zeros(n, dtype=bool)
    audited[rng.permutation(n)[: round(AUDITED * n)]] = True
    wanted = np.where(audited, 2, 0)
    suspects = probs[np.arange(n), old].argsort()[:3000]
    wanted[suspects] = np.maximum(wanted[suspects], votes)
    tasks, people = np.nonzero(np.arange(2) < wanted[:, None])
    return Panel(data.truth, old, probs, tasks, people, data.answers[tasks, people], 2, audited)


def cases(classes: list[int]) -> list[Case]:
    """Return what is played; of a thousand classes less, as EM takes long there."""
    kinds = itertools.product(classes, ("anywhere", "one way"), PANELS, ("all", "suspects"))
    return [
        Case(*kind, votes)
        for kind in kinds
        for votes in (1, 2, 3)
        if kind[0] < 1000 or (kind[1:] == ("anywhere", "good", "suspects") and votes < 3)
    ]
