"""How each task was settled: by how many people, and with or without the model."""

import math
from enum import StrEnum

import numpy as np

from relabel.service.votes.state import QueueState
from relabel.types import State


class By(StrEnum):
    """Who settled a task."""

    PEOPLE = "people"
    MODEL = "model"  # people and the model
    NOBODY = "nobody"  # it is not settled


def settled_by(state: QueueState) -> list[By]:
    """Return who settled each task."""
    settled = state.consensus.states == State.SETTLED
    weighed = ~np.isnan(state.believed.certainty(len(settled)))
    kinds = np.where(settled, np.where(weighed, 1, 0), 2).tolist()
    names = (By.PEOPLE, By.MODEL, By.NOBODY)
    return [names[kind] for kind in kinds]


def explained(state: QueueState) -> list[str]:
    """Return how each task was settled, such as "1 person and the model, .97"."""
    rows = np.arange(len(state.new))
    label = state.consensus.labels
    new, old = state.new_counts, state.counts.votes - state.new_counts
    shown = label >= 0
    people = np.where(shown, new[rows, label], 0).tolist()
    labels = np.where(shown, old[rows, label], 0).tolist()
    asked = new.sum(1).tolist()
    certainty = state.believed.certainty(len(rows)).tolist()
    columns = zip(settled_by(state), people, labels, asked, certainty, strict=True)
    return [_words(*row) for row in columns]


def _words(by: By, agreeing: int, labels: int, asked: int, certainty: float) -> str:
    if by is By.NOBODY:
        return "not settled"
    people = f"{agreeing} of {asked} people" if asked > 1 else "1 person"
    old = "the old label" if labels == 1 else f"{labels} old labels"
    if by is By.PEOPLE:
        if not labels:
            return people if asked > 1 else "1 person alone"
        return f"{people} and {old}" if agreeing else old
    # Cut and not rounded: nothing is 1.00 certain.
    sure = f"{math.floor(100 * certainty) / 100:.2f}".removeprefix("0")
    return f"{people} and the model, {sure}"
