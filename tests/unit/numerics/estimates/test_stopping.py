"""What the audit says of the wrong labels that are left, and when that is enough."""

import numpy as np
from relabel.numerics.estimates.confidence_sequence import Audited, noise_rate_looks
from relabel.numerics.estimates.stopping import Drawn, log_likelihood_ratio, stop_statement

NONE = np.zeros(0, dtype=np.int64)


def right_ones(n, *, pool, found):
    """So many audited tasks in a row, none of them wrong, while the queue rests."""
    return Drawn(np.zeros(n, dtype=bool), pool - np.arange(n), np.full(n, found))


def test_the_ratio_by_hand():
    """Ten tasks, four of them wrong or fewer: at .5 two, three or hardly any, by 2:2:1."""
    drawn = Drawn(np.array([True, False]), np.array([10, 9]), np.array([0, 1]))
    first = (0.4 * 2 + 0.4 * 3 + 0.2 * 0.4) / 4
    # With one of them found: one, two or a tenth of three are left among nine.
    second = (0.4 * 2 * 8 + 0.4 * 3 * 7 + 0.2 * 0.4 * 8.7) / 4 / 6
    ratio = np.exp(log_likelihood_ratio(drawn, 4, 0.5))
    np.testing.assert_allclose(ratio, [first, second])


def test_nothing_is_said_before_anything_was_audited():
    statement = stop_statement(Drawn(NONE > 0, NONE, NONE), 100, 20)
    assert (statement.left, statement.is_said) == (100, False)
    assert 0 < statement.needed <= 100
    looks = noise_rate_looks(Audited(NONE > 0, NONE / 1, NONE / 1, 100))
    assert len(looks.value) == 0


def test_where_nothing_is_left_to_ask_everything_is_found():
    statement = stop_statement(right_ones(3, pool=3, found=5), 0, 5)
    assert (statement.left, statement.share, statement.is_said) == (0, 1.0, True)


def test_late_tasks_say_more_than_early_ones():
    """With 90 of 100 wrong labels found: 60 tasks audited before that, and 60 afterwards."""
    at = np.arange(60)
    wrong = at % 10 == 9
    before = np.cumsum(wrong) - wrong
    early = stop_statement(Drawn(wrong, 1000 - at, before), 500, 90)
    late = stop_statement(right_ones(60, pool=560, found=90), 500, 90)
    assert late.left < early.left / 2
    assert late.needed < early.needed


def test_an_audit_that_contradicts_what_was_found_says_nothing():
    """A hundred right ones at random from 1,000 tasks of which 90 were then found to be wrong."""
    statement = stop_statement(right_ones(100, pool=1000, found=0), 500, 90)
    assert (statement.left, statement.is_said, statement.needed) == (500, False, 500)
