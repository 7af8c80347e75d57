"""How often labels and people err, as a round believes it; what counts evidence goes by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.estimates.error_rates import (
    annotator_errors,
    model_error,
    old_error,
    people_error,
    trained_error,
)
from relabel.numerics.labels import leading_or_first
from relabel.service.votes.state import ProjectState
from relabel.types import FloatArray, IntArray, Posteriors, match_rows


@dataclass(frozen=True, slots=True)
class RoundRates:
    """The constants of one round, the same until the next one is published.

    classes: (K,) names of the columns; believed: rates of the old labels by true class, of the
    labels that the round was taught, of people and of the model; annotators: of each by their
    id, where one is known; trusted: whether the model may settle labels with one person, as far as
    the audit says.
    """

    classes: tuple[str, ...]
    believed: Rates
    annotators: Mapping[str, float]
    trusted: bool = True

    def errors(self, sources: Sequence[str]) -> FloatArray:
        """Return (V,) how often the people err who gave these votes."""
        mean = self.believed.people
        return np.array([self.annotators.get(source, mean) for source in sources], dtype=np.float64)

    def arranged(self, classes: tuple[str, ...]) -> Self | None:
        """Return the rates with the classes in this order; None if these are other classes."""
        if classes == self.classes:
            return self
        if sorted(classes) != sorted(self.classes):
            return None
        old = self.believed.old[places(self.classes, classes)]
        believed = replace(self.believed, old=old)
        return type(self)(classes, believed, self.annotators, self.trusted)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "classes": list(self.classes),
            "old": self.believed.old.tolist(),
            "trained": self.believed.trained,
            "people": self.believed.people,
            "model": self.believed.model,
            "annotators": dict(self.annotators),
            "trusted": self.trusted,
        }

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        old = np.array(known["old"], dtype=np.float64)
        model = float(known.get("model", 0.0))
        believed = Rates(old, float(known["trained"]), float(known["people"]), model)
        trusted = bool(known.get("trusted", True))
        return cls(tuple(known["classes"]), believed, known["annotators"], trusted)


def places(classes: Sequence[str], wanted: Sequence[str]) -> IntArray:
    """Return (K,) where each of the wanted classes stands among the same classes."""
    return np.array([list(classes).index(name) for name in wanted], dtype=np.int64)


def learn_rates(
    state: ProjectState,
    drawn: IntArray,
    audited: IntArray,
    said: IntArray,
    posteriors: Posteriors,
) -> RoundRates:
    """Return how often labels, people and the model err, by the audit.

    Args:
        state: the project now.
        drawn: (d,) rows of all tasks whose turn in the audit has come: how often two people differ
            must not be read off those alone on which two agree.
        audited: (m,) of these the start that is done: no others are a random sample.
        said: (m,) what new people alone say of these tasks, -1 = they agree on nothing.
        posteriors: of the round, out of fold.

    """
    classes = state.schema.classes
    given = state.given[audited]
    judged = (said >= 0) & (given >= 0)
    old = old_error(said[judged], given[judged], len(classes))
    pairs = _first_two(state, state.counts.task_ids[drawn].tolist())
    differing = [one for one in pairs if one[0][1] != one[1][1]]
    people = people_error(len(pairs), len(differing), len(classes))
    labelled = (state.given >= 0) & state.mine()
    changed = people_labels(state) != state.given
    corrected = float(changed[labelled].mean()) if labelled.any() else 0.0
    trained = trained_error(old, corrected)
    rows = match_rows(state.counts.task_ids[audited], posteriors.task_ids)
    known = judged & (rows >= 0)
    model = model_error(posteriors.probs[rows[known]].astype(np.float64), said[known], trained)
    believed = Rates(old, trained, people, model)
    names = sorted({source for pair in pairs for source, _ in pair})
    together, apart = (
        np.array([sum(name in (a[0], b[0]) for a, b in some) for name in names], dtype=np.int64)
        for some in (pairs, differing)
    )
    errors = annotator_errors(together, apart, people, len(classes))
    return RoundRates(classes, believed, dict(zip(names, errors.tolist(), strict=True)))


def people_labels(state: ProjectState) -> IntArray:
    """Return (N,) what people's votes alone show, of a tie the given label; -1 = no votes at all.

    A model is taught these: taught its own posterior, it would count itself as a witness.
    """
    return leading_or_first(state.counts.votes, state.given)


def _first_two(
    state: ProjectState, task_ids: Sequence[int]
) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    """Return the first two new votes on each of these tasks, as (who, class)."""
    votes: dict[int, list[tuple[str, int]]] = {task_id: [] for task_id in task_ids}
    for vote in sorted(state.votes, key=lambda v: (v.at, v.annotation_id or 0)):
        if vote.task_id in votes and not vote.initial and vote.label is not None:
            votes[vote.task_id].append((vote.source, vote.label))
    return [(some[0], some[1]) for some in votes.values() if len(some) > 1]
