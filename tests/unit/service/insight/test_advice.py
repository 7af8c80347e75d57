"""One line says what to do now, from what the audit knows."""

import pytest
from relabel.numerics.estimates.noise_rate import Estimate
from relabel.numerics.estimates.stopping import Stop
from relabel.service.audit.offers import Offer
from relabel.service.insight.noise import advice
from relabel.service.queue.stop_rule import PAUSED, SETTLED
from relabel.service.votes.state import Part

SAID = Stop(90, 5, 90 / 95, is_said=True, needed=0)
SHORT = Stop(90, 40, 90 / 130, is_said=False, needed=43)
KNOWN = "with 95% confidence at least {}% of the wrong labels are found"
NEEDED = f"{KNOWN.format(69)}; 43 more audited tasks, none of them wrong, would show 90%"
UNKNOWN = "not known yet; the audit has 7 of 20"
NOT_KNOWN = f"how many labels people would change is {UNKNOWN}"
ASK = "Ask 55 audited tasks more before you stop"
BUDGET = "budget of 400 votes spent"
LOW = "only 4% of the last 50 tasks were wrong"


def offer(tasks=43, mute=0, *, is_new=True):
    return Offer(Part.ALL, 60, tasks, mute, 2 * tasks, is_new)


def left(value):
    return Estimate(value, 0.0, 2 * value, 0.95)


@pytest.mark.parametrize(
    ("said", "unknown", "estimate", "more", "ended", "expected"),
    [
        (SAID, "", left(3), offer(0), "", f"You may stop: {KNOWN.format(90)}"),
        (SAID, "", left(3), offer(0), SETTLED, f"You may stop: {KNOWN.format(90)}"),
        (SHORT, "", left(50), offer(), "", f"Go on: about 50 labels are still to change; {NEEDED}"),
        (
            SHORT,
            "",
            left(50),
            offer(),
            PAUSED,
            f"Go on: about 50 labels are still to change; {NEEDED}",
        ),
        # Of 100 wrong labels 10 may be left where 90 % are to be found.
        (SHORT, "", left(10), offer(), "", f"Ask 43 audited tasks more before you stop: {NEEDED}"),
        (
            SHORT,
            "",
            left(10.5),
            offer(),
            "",
            f"Go on: about 10 labels are still to change; {NEEDED}",
        ),
        (SHORT, "", left(50), offer(), LOW, f"Ask 43 audited tasks more before you stop: {NEEDED}"),
        (
            *(SHORT, "", left(10), offer(55, 12), ""),
            f"{ASK}, 12 of which say nothing of what is left: {NEEDED}",
        ),
        (
            *(SHORT, "", left(10), offer(is_new=False), LOW),
            f"Go on: 43 audited tasks wait for people; {NEEDED}",
        ),
        (SHORT, "", left(10), offer(), BUDGET, f"Raise the budget before you stop: {NEEDED}"),
        (SHORT, UNKNOWN, None, offer(13), "", f"Go on: {NOT_KNOWN}"),
        (
            *(SHORT, UNKNOWN, None, offer(13), SETTLED),
            f"Ask 13 audited tasks more before you stop: {NOT_KNOWN}",
        ),
        (SHORT, UNKNOWN, None, offer(13), BUDGET, f"Raise the budget before you stop: {NOT_KNOWN}"),
        # What the audit would bear is not told before it has 20 verdicts.
        (SAID, UNKNOWN, None, offer(13), "", f"Go on: {NOT_KNOWN}"),
        (
            *(SAID, UNKNOWN, None, offer(0), SETTLED),
            f"You may stop: nothing is left to be asked about; {NOT_KNOWN}",
        ),
    ],
)
def test_what_to_do_follows_from_what_is_known(said, unknown, estimate, more, ended, expected):
    assert advice(said, 0.9, unknown, estimate, more, ended) == expected
