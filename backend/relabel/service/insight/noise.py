"""How many labels are wrong, which classes are confused, and what the next votes should find."""

from dataclasses import dataclass

from relabel.numerics.estimates.noise_rate import (
    Estimate,
    noise_matrix,
)
from relabel.numerics.estimates.stopping import Stop
from relabel.service.audit.kept_turns import share_to_find, statement
from relabel.service.audit.offers import Offer, offer_of
from relabel.service.insight.audit import not_known, read_audit
from relabel.service.queue.stop_rule import BUDGET, PAUSED, found_so_far, needed_for, stop_reason
from relabel.service.votes.evidence import POSTERIOR
from relabel.service.votes.result import RoundResult, judged
from relabel.service.votes.state import AnsweredState
from relabel.types import FloatArray, State


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
    matrix: (K, K) P(given | true) as the model sees it; changed_next: how many votes are next, and
    how many labels they change, None while unknown and when nothing is left to ask.
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
    changed_next: tuple[int, Estimate] | None


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
    left = None if initial is None else _left(initial, labelled, corrected)
    said, offer = statement(state), offer_of(state)
    share = share_to_find(state.policy)
    known = "" if unknown else found_so_far(said, share)
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
        changed_next=None if unknown else _changed_next(state, result),
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
    mute = f", {offer.mute:,} of which say nothing of what is left" if offer.mute else ""
    return f"Ask {offer.tasks:,} audited tasks more before you stop{mute}: {known}"


def _changed_next(state: AnsweredState, result: RoundResult) -> tuple[int, Estimate] | None:
    # It loads SciPy, which no start does.
    from relabel.service.insight.forecast import changed_next  # noqa: PLC0415

    return changed_next(state, result)


def _left(initial: Estimate, labelled: int, corrected: int) -> Estimate:
    """Wrong labels at the beginning less those corrected since."""
    value, low, high = (
        max(share * labelled - corrected, 0.0)
        for share in (initial.value, initial.low, initial.high)
    )
    return Estimate(value, low, high, initial.level)
