"""How many labels are wrong, which classes are confused, and what the next votes should find."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.estimates.noise_rate import (
    Estimate,
    doubt,
    noise_matrix,
)
from relabel.numerics.estimates.stopping import Stop
from relabel.numerics.estimates.yields import fit_doubt, predicted_yield
from relabel.numerics.expected_votes import expected_votes
from relabel.service.audit.kept_turns import share_to_find, statement
from relabel.service.audit.offers import Offer, offer_of
from relabel.service.insight.audit import not_known, read_audit
from relabel.service.queue.scores import scores_shown
from relabel.service.queue.stop_rule import BUDGET, PAUSED, found_so_far, needed_for, stop_reason
from relabel.service.votes.evidence import POSTERIOR
from relabel.service.votes.result import RoundResult, judged
from relabel.service.votes.state import AnsweredState, QueueState
from relabel.types import FloatArray, IntArray, State

NEXT_VOTES = 100
"""Votes that the forecast looks ahead."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What is known about the wrong labels of a project.

    unknown: why nothing is said of the wrong labels, "" = the audit carries it; source: what the
    figures come from; initial: share of the labels when relabelling began that people would change,
    with an interval that holds however often one looks; audit_alone: the share of the audited ones,
    with an interval for one look; without_people: `initial` with people's own error taken out;
    wrong_left: labels still to be changed; found: what may be said of how many are found, as a
    clause; offer: more of the audit that may be asked for; advice: what to do now, as a sentence
    without its point; settled, settled_alone: share of the labels
    settled by people, and by one person and the model, that others would change again; by_class:
    `audit_alone` of single classes; all None or empty while not known; mistrusted: whether the
    model settles nothing with one person any more, since the audit found it wrong too often;
    matrix: (K, K) P(given | true) as the model sees it; next_votes and forecast: how many votes
    ahead, and about how many wrong labels they should find, None while unknown, when nothing is
    left to ask, and where the model counts beside people.
    A model alone sees more noise than there is, and an interval around what it sees does not hold.
    """

    unknown: str
    source: str
    initial: Estimate | None
    audit_alone: Estimate | None
    without_people: Estimate | None
    settled: Estimate | None
    settled_alone: Estimate | None
    by_class: tuple[tuple[str, Estimate], ...]
    wrong_left: Estimate | None
    found: str
    offer: Offer
    advice: str
    mistrusted: bool
    matrix: FloatArray
    next_votes: int
    forecast: float | None


def noise_now(state: AnsweredState, result: RoundResult, *, corrected: int) -> Noise | None:
    """Return what the last round and the votes since say; None without labelled tasks.

    Args:
        state: the project now.
        result: of the round in force.
        corrected: labels corrected so far.

    """
    rows, probs = judged(state, result)
    given = state.given[rows]
    if not (given >= 0).any():
        return None
    doubts = doubt(given, probs)
    audit = read_audit(state, result.rates)
    mine = state.mine()
    labelled = int((mine & (state.given >= 0)).sum())
    if state.part:
        changed = mine & (state.consensus.labels != state.given) & (state.given >= 0)
        settled = state.touched() & (state.consensus.states == State.SETTLED)
        corrected = int((changed & settled).sum())
    unknown = not_known(audit, state.policy.audit_share)
    initial = None if unknown else audit.initial()
    names = state.schema.classes
    votes = votes_ahead(state)
    left = None if initial is None else _left(initial, labelled, corrected)
    said, offer = statement(state), offer_of(state)
    share = share_to_find(state.policy)
    known = "" if unknown else found_so_far(said, share)
    # What a task costs is only known where people alone decide.
    weighs = state.policy.consensus == POSTERIOR
    return Noise(
        unknown=unknown,
        source=audit.source,
        initial=initial,
        audit_alone=None if unknown else audit.alone(),
        without_people=None if initial is None else audit.without_people(initial),
        settled=None if unknown else audit.after_settling(alone=False),
        settled_alone=None if unknown else audit.after_settling(alone=True),
        by_class=tuple((names[c], rate) for c, rate in audit.by_class()),
        wrong_left=left,
        found=known,
        offer=offer,
        advice=advice(said, share, unknown, left, offer, stop_reason(state)),
        mistrusted=weighs and result.rates is not None and not result.rates.trusted,
        matrix=noise_matrix(given, probs),
        next_votes=votes,
        forecast=None if unknown or weighs else _forecast(state, rows, probs, doubts, votes),
    )


def advice(
    said: Stop, share: float, unknown: str, left: Estimate | None, offer: Offer, ended: str
) -> str:
    """Return what to do now, as a sentence without its point.

    Going on is worth more than the audit while the estimate has more wrong labels left than may be:
    then the audit would meet some of them, and show nothing.

    Args:
        said: by the audit.
        share: of the wrong labels that is to be found.
        unknown: why nothing is known of the wrong labels, "" = something is.
        left: labels still to be changed, None while that is not known.
        offer: of the audited tasks that are needed.
        ended: why no task is open, "" = work goes on.

    """
    if not unknown and said.is_said:
        return f"You may stop: {found_so_far(said, share)}"
    known = f"how many labels people would change is {unknown}"
    if not unknown:
        known = f"{found_so_far(said, share)}; {needed_for(said, share)}"
    if ended.startswith(BUDGET):
        return f"Raise the budget before you stop: {known}"
    enough = left is not None and said.found >= share * (said.found + left.value)
    if not enough and ended in ("", PAUSED):
        more = "" if left is None else f"about {left.value:,.0f} labels are still to change; "
        return f"Go on: {more}{known}"
    if not offer.tasks:
        return f"You may stop: nothing is left to be asked about; {known}"
    if not offer.is_new:
        return f"Go on: {offer.tasks:,} audited tasks wait for people; {known}"
    settled = f", {offer.settled:,} of them settled already" if offer.settled else ""
    return f"Ask {offer.tasks:,} audited tasks more before you stop{settled}: {known}"


def votes_ahead(state: QueueState) -> int:
    """Return how many votes the forecast looks ahead: as many as the budget still has."""
    budget = state.budget
    return NEXT_VOTES if budget is None else max(min(NEXT_VOTES, budget - state.spent), 0)


def _forecast(
    state: QueueState, rows: IntArray, probs: FloatArray, doubts: FloatArray, votes: int
) -> float | None:
    finished = (state.touched() & (state.consensus.states == State.SETTLED))[rows]
    finished &= ~np.isnan(doubts)
    wrong = state.consensus.labels[rows] != state.given[rows]
    waiting = np.flatnonzero(state.waiting()[rows] & ~np.isnan(doubts))
    if not len(waiting) or not votes:
        return None
    shown = scores_shown(state)[rows[waiting]]
    order = waiting[np.argsort(shown, kind="stable")]
    return predicted_yield(
        doubts[order],
        expected_votes(probs[order], state.counts.votes[rows[order]]),
        votes,
        fit_doubt(doubts[finished], wrong[finished]),
    )


def _left(initial: Estimate, labelled: int, corrected: int) -> Estimate:
    """Wrong labels at the beginning less those corrected since."""
    value, low, high = (
        max(share * labelled - corrected, 0.0)
        for share in (initial.value, initial.low, initial.high)
    )
    return Estimate(value, low, high, initial.level)
