"""Label quality against votes, read from a campaign's log with the production consensus."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.consensus.majority import majority
from relabel.numerics.labels import leading
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.loop import Rules
from relabel.simulation.campaign.votelog import VoteLog, running_counts
from relabel.types import BoolArray, FloatArray, IntArray, State


@dataclass(frozen=True, slots=True)
class Curve:
    """Share of right labels against votes, step-wise: a value holds until the next point.

    votes: (M,) increasing, the first is 0. correct: (M,) in [0, 1].
    """

    votes: IntArray
    correct: FloatArray

    def at(self, votes: IntArray) -> FloatArray:
        """Return the share of right labels after each of these numbers of votes."""
        steps = np.searchsorted(self.votes, votes, side="right") - 1
        found: FloatArray = self.correct[steps]
        return found

    def area(self, budget: int) -> float:
        """Return the mean share of right labels over [0, budget], higher = cleaned sooner."""
        inside = self.votes < budget
        edges = np.append(self.votes[inside], budget)
        return float((np.diff(edges) * self.correct[inside]).sum() / budget)

    def votes_to(self, target: float) -> int | None:
        """Return the votes after which at least `target` of the labels are right; None = never."""
        reached = np.flatnonzero(self.correct >= target - 1e-12)
        return int(self.votes[reached[0]]) if len(reached) else None


@dataclass(frozen=True, slots=True)
class Visits:
    """The ended visits of a campaign, in order, M of them.

    ends: (M,) votes cast when the visit ended. tasks: (M,). before and after: (M,) the task's
    label before and after. audit: (M,) whether the task was picked at random.
    """

    ends: IntArray
    tasks: IntArray
    before: IntArray
    after: IntArray
    audit: BoolArray


def visits_of(log: VoteLog, counts: IntArray, rules: Rules) -> Visits:
    """Return what each visit did to its task's label; counts: (N, K) before the campaign.

    Only a settled consensus changes a label: a tie, the cap or the end of the budget does not.
    """
    rows = running_counts(log, counts)
    said = np.asarray(log.labels, dtype=np.int64)
    if rules.closing == "expert":
        settled = np.ones(len(log), dtype=bool)
        new = said
    else:
        cap = rules.max_votes or _no_cap(rows)
        consensus = majority(rows, max_votes=cap)
        settled = consensus.states == State.SETTLED
        new = consensus.labels
    ended = settled | (rules.closing == "vote")
    if rules.max_votes is not None:
        ended |= rows.sum(1) >= rules.max_votes
    tasks = np.asarray(log.tasks, dtype=np.int64)
    before, after = _label_history(tasks, np.where(settled, new, -1), leading(counts))
    return Visits(
        ends=np.flatnonzero(ended) + 1,
        tasks=tasks[ended],
        before=before[ended],
        after=after[ended],
        audit=np.asarray(log.audit, dtype=bool)[ended],
    )


@dataclass(frozen=True, slots=True)
class Accounts:
    """A campaign's labels, counted twice.

    settled: a label changes when its task is settled. exported: as the labels would be taken out,
    settled or not, which differs only where the posterior has a say.
    """

    settled: Visits
    exported: Visits


def accounts_of(log: VoteLog, counts: IntArray, rules: Rules | Terms) -> Accounts:
    """Return what the votes did to the labels; counts: (N, K) before the campaign."""
    if isinstance(rules, Rules):
        visits = visits_of(log, counts, rules)
        return Accounts(visits, visits)
    tasks, initial = np.asarray(log.tasks, dtype=np.int64), leading(counts)
    shown, settled = np.asarray(log.shown, dtype=np.int64), np.asarray(log.settled, dtype=bool)
    audit = np.asarray(log.audit, dtype=bool)

    def visits_where(ended: BoolArray) -> Visits:
        before, after = _label_history(tasks, np.where(ended, shown, -1), initial)
        ends = np.flatnonzero(ended) + 1
        return Visits(ends, tasks[ended], before[ended], after[ended], audit[ended])

    return Accounts(visits_where(settled), visits_where(np.ones(len(log), dtype=bool)))


def curve_of(visits: Visits, truth: IntArray, initial: IntArray) -> Curve:
    """Return the share of labels that equal `truth` (N,), starting from `initial` (N,)."""
    right = truth[visits.tasks]
    gained = (visits.after == right).astype(np.int64) - (visits.before == right)
    total = np.concatenate([[int((initial == truth).sum())], gained]).cumsum()
    return Curve(np.concatenate([[0], visits.ends]), total / len(truth))


def final_labels(visits: Visits, initial: IntArray) -> IntArray:
    """Return the (N,) labels at the end of a campaign that began with `initial`."""
    labels = initial.copy()
    # Of several writes to one place numpy keeps the last: the newest visit.
    labels[visits.tasks] = visits.after
    return labels


def minimal_curve(truth: IntArray, initial: IntArray) -> Curve:
    """Return the least possible effort: two votes correct one wrong label, no other is asked."""
    wrong = int((initial != truth).sum())
    corrected = np.arange(wrong + 1)
    return Curve(2 * corrected, (len(truth) - wrong + corrected) / len(truth))


def _label_history(
    tasks: IntArray, decided: IntArray, initial: IntArray
) -> tuple[IntArray, IntArray]:
    """Return (V,) labels before and after each vote; decided: (V,) new label, -1 = as before."""
    order = np.argsort(tasks, kind="stable")
    mine, news = tasks[order], decided[order]
    place = np.arange(len(order))
    start = np.searchsorted(mine, mine, side="left")
    last = np.maximum.accumulate(np.where(news >= 0, place, -1))
    now = np.where(last >= start, news[last], initial[mine])
    previous = np.where(place > start, np.roll(now, 1), initial[mine])
    before, after = np.empty_like(now), np.empty_like(now)
    before[order], after[order] = previous, now
    return before, after


def _no_cap(rows: IntArray) -> int:
    return int(rows.sum(1).max(initial=1)) + 2
