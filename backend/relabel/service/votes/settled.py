"""How each task was settled: by how many people, and with or without the model."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

from relabel.errors import ConfigurationError
from relabel.service.votes.state import QueueState
from relabel.types import State

Said = TypeVar("Said")


class By(StrEnum):
    """Who settled a task; every task is of one kind.

    PEOPLE: two or more agree on the label, whether or not the old one does. OLD_LABEL: it says the
    same as one person, or old labels agree where nobody does. PERSON: alone, by `solo`.
    """

    PEOPLE = "people"
    PEOPLE_AND_MODEL = "people-and-model"
    PERSON_AND_MODEL = "person-and-model"
    OLD_LABEL = "old-label"
    PERSON = "person"
    NOBODY = "nobody"


EVERY = frozenset(By)

IN_WORDS = {
    By.PEOPLE: "two people or more",
    By.PEOPLE_AND_MODEL: "two people or more and the model",
    By.PERSON_AND_MODEL: "one person and the model",
    By.OLD_LABEL: "the old label and at most one person",
    By.PERSON: "one person alone",
    By.NOBODY: "not settled",
}


@dataclass(frozen=True, slots=True)
class Support:
    """What stands behind the label of one task.

    agreeing: new votes for it, of `asked` ones; labels: old labels that say the same; certainty: of
    the label where the model's evidence counted, 0 = people alone.
    """

    settled: bool
    agreeing: int
    asked: int
    labels: int
    certainty: float

    @property
    def by(self) -> By:
        """Who settled it."""
        several = self.agreeing > 1
        if not self.settled:
            return By.NOBODY
        if self.certainty:
            return By.PEOPLE_AND_MODEL if several else By.PERSON_AND_MODEL
        if several:
            return By.PEOPLE
        return By.OLD_LABEL if self.labels else By.PERSON

    def sentence(self) -> str:
        """Return the same in words, such as "1 person and the model, .97"."""
        people = f"{self.agreeing} of {self.asked} people" if self.asked > 1 else "1 person"
        if self.by is By.NOBODY:
            return IN_WORDS[By.NOBODY]
        if self.certainty:
            # Cut and not rounded: nothing is 1.00 certain.
            sure = f"{math.floor(100 * self.certainty) / 100:.2f}".removeprefix("0")
            return f"{people} and the model, {sure}"
        if not self.labels:
            return people if self.asked > 1 else "1 person alone"
        old = "the old label" if self.labels == 1 else f"{self.labels} old labels"
        return f"{people} and {old}" if self.agreeing else old


def settled_by(state: QueueState) -> list[By]:
    """Return who settled each task."""
    return _of_each(state, lambda support: support.by)


def explained(state: QueueState) -> list[str]:
    """Return how each task was settled, in words."""
    return _of_each(state, Support.sentence)


def _of_each(state: QueueState, said: Callable[[Support], Said]) -> list[Said]:
    """Return what is said of each task; most stand as many others do, and it is found once."""
    rows = np.arange(len(state.new))
    label = state.consensus.labels
    shown = label >= 0
    new, old = state.new_counts, state.counts.votes - state.new_counts
    columns = (
        state.consensus.states == State.SETTLED,
        np.where(shown, new[rows, label], 0),
        new.sum(1),
        np.where(shown, old[rows, label], 0),
        np.nan_to_num(state.believed.certainty(len(rows)), nan=0.0),
    )
    tasks = list(zip(*(column.tolist() for column in columns), strict=True))
    known = {task: said(Support(*task)) for task in set(tasks)}
    return [known[task] for task in tasks]


def count_settled(state: QueueState) -> dict[By, int]:
    """Return how many tasks were settled by whom, none left out."""
    counts = Counter(settled_by(state))
    return {by: counts[by] for by in By}


def kinds_named(names: Iterable[str]) -> frozenset[By]:
    """Return the kinds of these names, all of them where none is given.

    Raises:
        ConfigurationError: no kind has such a name.

    """
    asked = list(names)
    for name in asked:
        if name not in list(By):
            raise ConfigurationError(
                f"Settled by {name!r} is no kind: choose one of {', '.join(By)}."
            )
    return frozenset(map(By, asked)) or EVERY
