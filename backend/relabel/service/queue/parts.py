"""Which part of a project is cleaned now: the evaluation split first, then the rest.

A function of tasks, votes and policy alone: late and repeated news, and restarts, change nothing.
Votes count in whichever part they come.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from relabel.service.queue.stop_rule import end_of
from relabel.service.votes.state import Part, QueueState

NAMES = {
    Part.ALL: "the whole project",
    Part.EVALUATION: "the evaluation split",
    Part.REST: "the rest",
}
"""What a part is called in a sentence."""

View = TypeVar("View", bound=QueueState)


def in_force(state: View) -> View:
    """Return the state as a view of the part that is cleaned now."""
    if not state.places.evaluation.any():
        return state.of(Part.ALL)
    first = state.of(Part.EVALUATION)
    return state.of(Part.REST) if end_of(first) else first


def parts_of(state: View) -> Iterator[View]:
    """Yield the state as a view of each part, in their order; the whole where there is no split."""
    split = (Part.EVALUATION, Part.REST) if state.places.evaluation.any() else (Part.ALL,)
    yield from (state.of(part) for part in split)


def fits_window(state: QueueState) -> bool:
    """Return whether all tasks of the part stand open at once, whatever their order."""
    return int(np.count_nonzero(state.waiting())) <= state.policy.window
