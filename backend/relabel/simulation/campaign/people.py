"""Simulated people: who answers a task, and what.

The nth answer to a task depends on the seed, the task and n alone, never on the order in which
tasks are asked. So two methods that are compared get the same answers to the same questions, and
a campaign that stopped goes on exactly as if it had not.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from relabel.errors import ConfigurationError
from relabel.simulation.data.noise_models import draw, symmetric_matrix
from relabel.types import FloatArray, IntArray

BLOCK = 12
"""Answers per task drawn at once; more than the usual cap on votes, so that few tasks need more."""

NOBODY = -1
"""The label when no annotator is left who can take the task."""


class Annotators(Protocol):
    """Answers tasks: (task row, how many answers it already got) -> (class, annotator)."""

    def __call__(self, task: int, nth: int) -> tuple[int, int]:
        """Return the class, or `NOBODY`, and the annotator's number."""


class Crowd:
    """Every vote comes from someone else and is drawn from the task's true distribution."""

    def __init__(self, distributions: FloatArray, seed: int) -> None:
        """distributions: (N, K), rows sum to 1."""
        self._distributions = distributions
        self._seed = seed
        rng = np.random.default_rng(seed)
        first = np.stack([draw(distributions, rng) for _ in range(BLOCK)], axis=1)
        self._first: list[list[int]] = first.tolist()
        self._later: dict[tuple[int, int], list[int]] = {}

    def __call__(self, task: int, nth: int) -> tuple[int, int]:
        """Return the nth answer to the task and nth as the annotator's number."""
        if nth < BLOCK:
            return self._first[task][nth], nth
        block, place = divmod(nth, BLOCK)
        if (task, block) not in self._later:
            self._later[task, block] = self._draw(task, block)
        return self._later[task, block][place], nth

    def _draw(self, task: int, block: int) -> list[int]:
        rng = np.random.default_rng([self._seed, task, block])
        rows = np.repeat(self._distributions[task : task + 1], BLOCK, axis=0)
        return draw(rows, rng).tolist()  # type: ignore[no-any-return]


class Recorded:
    """People whose answers are known: what each said when they were asked about a task."""

    def __init__(self, answers: IntArray) -> None:
        """answers: (N, M) classes, in the order in which they are given."""
        self._answers: list[list[int]] = answers.tolist()

    def __call__(self, task: int, nth: int) -> tuple[int, int]:
        """Return the nth answer and nth as the annotator's number; nobody after the last one."""
        mine = self._answers[task]
        return (mine[nth], nth) if nth < len(mine) else (NOBODY, NOBODY)


class Panel:
    """A few annotators, each with an own confusion matrix, who vote at most once per task.

    size: how many they are.
    """

    def __init__(
        self,
        distributions: FloatArray,
        confusions: FloatArray,
        coverage: FloatArray,
        seed: int,
        shared: float = 0.0,
    ) -> None:
        """distributions: (N, K); confusions: (A, K, K) T[true, said]; coverage: (A,) in (0, 1].

        coverage is the share of tasks that an annotator is able to take; shared is the share of
        mistakes that are a task's own: whoever makes one says the same wrong class.
        """
        rng = np.random.default_rng(seed)
        n, people = len(distributions), len(confusions)
        self.size = people
        votes = np.stack([draw(distributions @ matrix, rng) for matrix in confusions], axis=1)
        able = rng.random((n, people)) < coverage
        turn = np.argsort(rng.random((n, people)) + ~able, axis=1)
        if shared:
            k, truth = distributions.shape[1], distributions.argmax(1)
            tempting = ((truth + rng.integers(1, k, n)) % k)[:, None]
            alike = (votes != truth[:, None]) & (rng.random(votes.shape) < shared)
            votes = np.where(alike, tempting, votes)
        self._turns: list[list[int]] = turn.tolist()
        self._able: list[int] = able.sum(1).tolist()
        self._votes: list[list[int]] = votes.tolist()

    def __call__(self, task: int, nth: int) -> tuple[int, int]:
        """Return the answer of the nth of the people who can take the task."""
        if nth >= self._able[task]:
            return NOBODY, NOBODY
        person = self._turns[task][nth]
        return self._votes[task][person], person

    def answer(self, task: int, person: int) -> int:
        """Return what this person says about the task, or `NOBODY` if they cannot take it."""
        able = person in self._turns[task][: self._able[task]]
        return self._votes[task][person] if able else NOBODY


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """Accuracy and coverage of each annotator, (A,) each, in (0, 1].

    shared: the share of their mistakes, in [0, 1], that all make alike on a task.
    """

    accuracy: tuple[float, ...]
    coverage: tuple[float, ...]
    shared: float = 0.0


def parse_panel(text: str) -> PanelSpec | None:
    """Read the --annotators option: "crowd" -> None, or "0.95,0.9@0.5" (accuracy@coverage).

    After a semicolon stands the share of mistakes that all make alike: "0.95,0.9;0.3".

    Raises:
        ConfigurationError: a number is missing or outside (0, 1], or [0, 1] after the semicolon.
    """
    if text.strip() == "crowd":
        return None
    people, _, alike = text.partition(";")
    try:
        shared = float(alike or 0)
    except ValueError:
        shared = -1.0
    if not 0 <= shared <= 1:
        raise ConfigurationError(
            f"annotators={text!r}: {alike!r} is not the share of mistakes, in [0, 1], that all "
            "make alike. Say for example 0.95,0.9,0.8;0.3."
        )
    accuracy, coverage = [], []
    for part in people.split(","):
        right, _, able = part.partition("@")
        try:
            pair = float(right), float(able or 1)
        except ValueError:
            pair = (0.0, 0.0)
        if not all(0 < value <= 1 for value in pair):
            raise ConfigurationError(
                f"annotators={text!r}: {part!r} is not ACCURACY or ACCURACY@COVERAGE in (0, 1]. "
                "Say for example 0.95,0.9,0.8@0.5, or crowd."
            )
        accuracy.append(pair[0])
        coverage.append(pair[1])
    return PanelSpec(tuple(accuracy), tuple(coverage), shared)


def check_panel(panel: PanelSpec | None, *, at_once: bool) -> None:
    """Refuse people who work at the same time where nobody says how many they are.

    Raises:
        ConfigurationError: there is no panel.
    """
    if at_once and panel is None:
        raise ConfigurationError(
            "at_once: a crowd of ever new people is never busy; name the people who work at the "
            "same time: --annotators 0.95,0.9,0.8 --at-once."
        )


def make_annotators(
    distributions: FloatArray,
    spec: PanelSpec | None,
    seed: int,
    answers: IntArray | None = None,
) -> Annotators:
    """Return the people of a campaign.

    Args:
        distributions: (N, K) what a crowd answers.
        spec: a panel whose errors spread evenly over other classes; None = nobody in particular.
        seed: of all that is drawn.
        answers: (N, M) recorded ones, given where there is no panel; None = a crowd answers.
    """
    if spec is None:
        return Crowd(distributions, seed) if answers is None else Recorded(answers)
    k = distributions.shape[1]
    confusions = np.stack([symmetric_matrix(k, 1 - right) for right in spec.accuracy])
    return Panel(distributions, confusions, np.asarray(spec.coverage), seed, spec.shared)
