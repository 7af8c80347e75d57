"""cleanlab's label-quality scores, turned so that higher = relabel sooner.

For comparison inside the same campaigns; cleanlab is an optional dependency.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from relabel.errors import ConfigurationError
from relabel.numerics.labels import top_classes
from relabel.types import FloatArray, IntArray

Peer = Callable[[IntArray, npt.NDArray[Any], IntArray], FloatArray]
"""peer(counts (N, K), probs (N, K), shown labels (N,) or -1) -> scores (N,)."""


def self_confidence(counts: IntArray, probs: npt.NDArray[Any], labels: IntArray) -> FloatArray:
    """Minus cleanlab's self-confidence p[label]. In [-1, 0]."""
    return _single(counts, probs, labels, "self_confidence")


def normalized_margin(counts: IntArray, probs: npt.NDArray[Any], labels: IntArray) -> FloatArray:
    """Minus cleanlab's normalised margin. In [-1, 0]."""
    return _single(counts, probs, labels, "normalized_margin")


def crowdlab(counts: IntArray, probs: npt.NDArray[Any], labels: IntArray) -> FloatArray:
    """Minus cleanlab's CROWDLAB label quality (Goh, Tkachenko and Mueller 2022)."""
    table = voter_table(counts, probs, labels)
    if table.shape[1] < 2:
        # With a single vote per task CROWDLAB has no annotators to weigh.
        return self_confidence(counts, probs, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result = _cleanlab("multiannotator").get_label_quality_multiannotator(
            table,
            _float64(probs),
            return_detailed_quality=False,
            return_annotator_stats=False,
            verbose=False,
        )
    return -np.asarray(result["label_quality"]["consensus_quality_score"], dtype=np.float64)


def activelab(counts: IntArray, probs: npt.NDArray[Any], labels: IntArray) -> FloatArray:
    """Minus cleanlab's ActiveLab score (Goh and Mueller 2023)."""
    table = voter_table(counts, probs, labels)
    module = _cleanlab("multiannotator")
    with warnings.catch_warnings():
        # Early on nobody has confirmed a label yet; cleanlab takes that for bad input.
        warnings.simplefilter("ignore", UserWarning)
        scores, _ = module.get_active_learning_scores(table, _float64(probs))
    return -np.asarray(scores, dtype=np.float64)


PEERS: dict[str, Peer] = {
    "cleanlab_self_confidence": self_confidence,
    "cleanlab_normalized_margin": normalized_margin,
    "cleanlab_crowdlab": crowdlab,
    "cleanlab_activelab": activelab,
}


def voter_table(counts: IntArray, probs: npt.NDArray[Any], labels: IntArray) -> FloatArray:
    """Return (N, A) classes said by each of A voters, NaN = no vote, from (N, K) counts.

    Who voted is not known from counts: the nth vote of every task goes to column n, the shown label
    first and then the likelier classes. A is the largest number of votes on a task.
    """
    shown = labels[:, None] == np.arange(counts.shape[1])
    order = np.argsort(-(probs + 2 * shown), axis=1, kind="stable")
    rows, places = np.nonzero(np.take_along_axis(counts, order, axis=1))
    classes = order[rows, places]
    times = counts[rows, classes]
    task, label = np.repeat(rows, times), np.repeat(classes, times)
    starts = np.concatenate([[0], counts.sum(1).cumsum()[:-1]])
    table = np.full((len(counts), int(counts.sum(1).max())), np.nan)
    table[task, np.arange(len(task)) - starts[task]] = label
    return table


def _single(counts: IntArray, probs: npt.NDArray[Any], labels: IntArray, method: str) -> FloatArray:
    """Without a shown label, the mean over the tied classes; over all, where nobody voted."""
    judged = labels[:, None] == np.arange(counts.shape[1])
    judged |= (labels < 0)[:, None] & top_classes(counts)
    rows, classes = np.nonzero(judged)
    scores = _cleanlab("rank").get_label_quality_scores(
        classes, _float64(probs)[rows], method=method
    )
    return np.asarray(-np.bincount(rows, scores) / np.bincount(rows))


def _float64(probs: npt.NDArray[Any]) -> FloatArray:
    exact: FloatArray = probs.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)
    return exact


def _cleanlab(module: str) -> Any:
    from importlib import import_module  # noqa: PLC0415

    try:
        return import_module(f"cleanlab.{module}")
    except ImportError as error:
        raise ConfigurationError(
            "Scores named cleanlab_* need the cleanlab package: "
            "pip install 'label-studio-relabel[cleanlab]'."
        ) from error
