"""When relabelling should end, and the words in which people are told."""

import math

import numpy as np

from relabel.numerics.estimates.stopping import CONFIDENCE, Stop
from relabel.service.audit.kept_turns import statement
from relabel.service.audit.turns import awaited, for_others, turns_of
from relabel.service.votes.state import Part, QueueState
from relabel.types import State

RECENT = 50
"""Finished tasks over which the yield is measured."""

PAUSED = "paused"
SETTLED = "all tasks are settled"
BUDGET = "budget of"
"""How the reason begins where votes are spent."""
HEADLINES = {PAUSED: "Paused", SETTLED: "Finished"}
"""First word of what is told, by how a reason begins; for any other one it is "Stopped"."""
SENTENCES = {PAUSED: "relabelling rests until the project is resumed"}
"""What stands after the headline where the reason alone would say it twice."""


def stop_reason(state: QueueState) -> str:
    """Return why no task should be open now, "" = go on."""
    return PAUSED if state.project.paused else end_of(state)


def end_of(state: QueueState) -> str:
    """Return why the state's part is done, "" = it is not.

    What somebody asked for goes before the yield, which says nothing of what is left; not before
    the budget, nor before enough is known to be found.
    """
    policy, budget = state.policy, state.budget
    if budget is not None and state.spent >= budget:
        return f"{BUDGET} {policy.budget or budget} votes spent"
    if "found" in policy.stop_when and (said := statement(state)).is_said:
        return found_so_far(said, policy.stop_when["found"])
    least = policy.stop_when.get("yield", 0.0)
    found = recent_yield(state) if least else None
    if found is not None and found < least and not _is_asked_for(state):
        return f"only {found:.0%} of the last {RECENT} tasks were wrong"
    waiting, unusable = state.waiting(), ~state.places.usable
    left = (waiting & ~unusable).any() or len(awaited(state))
    if state.counts.votes.any() and not left:
        return SETTLED + _but_for(
            {
                "without a usable image": int((waiting & unusable).sum()),
                "skipped": int(state.skipped().sum()),
                "of the evaluation split": _left_behind(state),
            }
        )
    return ""


def _is_asked_for(state: QueueState) -> bool:
    """Whether audited tasks that somebody asked for wait for a person who is at work."""
    turns = turns_of(state)
    return bool(set(turns.asked_for.tolist()).difference(for_others(state, turns).tolist()))


def found_so_far(said: Stop, share: float) -> str:
    """Return what may be said of the wrong labels that are left, as the end of a sentence.

    Args:
        said: by the audit.
        share: of the wrong labels that is to be found.

    """
    # Cut and not rounded: no more is said than is known.
    least = share if said.is_said else math.floor(100 * said.share) / 100
    return f"with {CONFIDENCE:.0%} confidence at least {least:.0%} of the wrong labels are found"


def needed_for(said: Stop, share: float) -> str:
    """Return what it takes until enough is found, as the end of a sentence; "" = nothing."""
    if said.is_said:
        return ""
    tasks = "1 more audited task" if said.needed == 1 else f"{said.needed:,} more audited tasks"
    return f"{tasks}, none of them wrong, would show {share:.0%}"


def headline(reason: str) -> str:
    """Return the one word for a reason to stop, "" for none."""
    words = [word for beginning, word in HEADLINES.items() if reason.startswith(beginning)]
    return [*words, "Stopped"][0] if reason else ""


def explained(reason: str) -> str:
    """Return what follows the headline, as a sentence."""
    return f"{SENTENCES.get(reason, reason)}."


def _left_behind(state: QueueState) -> int:
    """Return how many tasks of the evaluation split its budget or yield left unsettled."""
    first = state.of(Part.EVALUATION).waiting() & state.places.usable
    return int(first.sum()) if state.part is Part.REST else 0


def _but_for(counts: dict[str, int]) -> str:
    told = [f"{count:,} {what}" for what, count in counts.items() if count]
    return f" but {' and '.join(told)}" if told else ""


def recent_yield(state: QueueState) -> float | None:
    """Return the share of wrong labels among the tasks finished last, None below 50 of them.

    Tasks of the random audit are left out: they say what is left, not what the ranking finds.
    """
    done = state.touched() & (state.consensus.states == State.SETTLED)
    done &= state.mine()
    done[turns_of(state).rows] = False
    rows = np.flatnonzero(done)
    if len(rows) < RECENT:
        return None
    recent = rows[np.argsort(state.voted_at[rows], kind="stable")[-RECENT:]]
    return float((state.consensus.labels[recent] != state.given[recent]).mean())
