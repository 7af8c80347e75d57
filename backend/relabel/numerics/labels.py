"""The label that votes show. No order of the classes decides a tie."""

from collections.abc import Callable, Iterable

import numpy as np

from relabel.types import BoolArray, Float32Array, FloatArray, IntArray

EQUAL = 1e-9
"""Probabilities closer than this are equal: sums depend on the order of the classes in their last
digits."""


def leading(counts: IntArray) -> IntArray:
    """Return (N,) the class with more votes than every other; -1 = a tie, or no votes at all.

    Args:
        counts: (N, K) votes.
    """
    label = counts.argmax(1)
    most = np.take_along_axis(counts, label[:, None], axis=1)[:, 0]
    # A matrix product is several times faster than sum(1) when K is small.
    mixed = np.flatnonzero(most < counts @ np.ones(counts.shape[1]))
    if len(mixed):
        label[mixed[top_classes(counts[mixed]).sum(1) > 1]] = -1
    return np.where(most > 0, label, -1)


def top_classes(counts: IntArray) -> BoolArray:
    """Return (N, K) the classes that no other has more votes than; all, of a task without votes."""
    return np.asarray(counts == counts.max(1, keepdims=True))


def leading_or_first(counts: IntArray, shown: IntArray | None) -> IntArray:
    """Return (N,) the class with most votes, of several the shown one; -1 = no votes at all.

    Where none of several is shown it is the first: whatever needs one class for every task with
    votes (dealing them to folds, drawing them into batches, taking turns) takes this one.

    Args:
        counts: (N, K) votes.
        shown: (N,) the label that the consensus shows, -1 = none.
    """
    labels = counts.argmax(1)
    if shown is not None:
        kept = top_classes(counts)[np.arange(len(labels)), shown] & (shown >= 0)
        labels = np.where(kept, shown, labels)
    return np.where(counts.any(1), labels, -1).astype(np.int64)


def labels_so_far(
    counts: IntArray, votes_on: Callable[[BoolArray], Iterable[tuple[int, int]]]
) -> IntArray:
    """Return (N,) the label that each task shows after its votes; -1 = no votes.

    A label is shown until another class has more votes, so that a tie changes nothing. Of several
    classes with most votes it is therefore the one that came to so many first.

    Args:
        counts: (N, K) the sums of the votes.
        votes_on: called with (N,) the tied tasks; returns (row, class) of their votes, in the order
            in which they were given.
    """
    labels = leading(counts)
    most = counts.max(1, initial=0)
    tied = (labels < 0) & (most > 0)
    waiting = dict(zip(np.flatnonzero(tied).tolist(), most[tied].tolist(), strict=True))
    if not waiting:
        return labels
    so_far: dict[tuple[int, int], int] = {}
    for vote in votes_on(tied):
        so_far[vote] = so_far.get(vote, 0) + 1
        row, label = vote
        if so_far[vote] == waiting.get(row):
            labels[row] = label
            del waiting[row]
    return labels


def likeliest(p: FloatArray) -> IntArray:
    """Return (N,) the class likelier than every other; -1 = several are, up to rounding.

    Args:
        p: (N, K) probabilities.
    """
    several = (p >= p.max(1, keepdims=True) - EQUAL).sum(1) > 1
    return np.where(several, -1, p.argmax(1))


def among_likeliest(p: FloatArray | Float32Array, labels: IntArray) -> BoolArray:
    """Return (N,) whether no class is likelier than the label, up to rounding.

    Args:
        p: (N, K) probabilities.
        labels: (N,) classes.
    """
    own = np.take_along_axis(p, labels[:, None], axis=1)[:, 0]
    return np.asarray(own >= p.max(1) - EQUAL)
