"""The audit: the start of one random order of all tasks, whatever the queue asks meanwhile.

What people say of these tasks is true of all of them, since nothing but chance has chosen them. The
place of a task follows from its number and a seed alone: nothing needs to be kept, the others keep
their order when tasks are added, and the added ones enter at random places.
"""

import math

import numpy as np

from relabel.types import IntArray

EARLY = 20
"""So many audited tasks come early: without them nothing is known of this project's labels."""

HASTE = 4
"""Until then the audit has so many times its share of votes; it gives them back afterwards."""

PEOPLE = 2
"""People who must say the same of an audited task, and so the votes that it is taken to cost."""


def random_order(ids: IntArray, seed: int) -> IntArray:
    """Return (N,) rows in a random order that the seed fixes.

    Of any two ids the same one comes first, whatever others there are.

    Args:
        ids: (N,) distinct numbers of tasks.
        seed: in [0, 2**64).
    """
    return np.argsort(_mixed(ids.astype(np.uint64) + np.uint64(seed)))


def turns(votes: int, share: float, people: int = PEOPLE) -> int:
    """Return how many tasks of the audit's order have had their turn.

    The first `EARLY` at `HASTE` times the share. What the votes say has no part in it, so that a
    task's turn does not depend on its label.

    Args:
        votes: spent so far.
        share: of the votes that the audit gets.
        people: who must agree on a task.
    """
    paid = share * votes / people
    return math.ceil(round(max(min(HASTE * paid, EARLY), paid), 9))


def _mixed(keys: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
    """Return other numbers, as good as random, of different keys different ones.

    The last step of SplitMix64 (Steele, Lea and Flood 2014), after one addition of its constant.
    """
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
