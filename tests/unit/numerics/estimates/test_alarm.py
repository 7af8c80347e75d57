"""An alarm that may be asked after every outcome."""

import numpy as np
import pytest
from relabel.numerics.estimates.alarm import is_exceeded


def alarms(rate, share, *, outcomes=400, projects=2000):
    rng = np.random.default_rng(0)
    return np.mean([is_exceeded(rng.random(outcomes) < rate, share) for _ in range(projects)])


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.06, 0.11])
def test_whoever_errs_as_often_as_allowed_is_hardly_ever_accused(share):
    assert alarms(share, share) <= 0.05
    assert alarms(share / 3, share) <= 0.005


def test_whoever_errs_much_more_often_is_found_out_soon():
    assert alarms(0.25, 0.06, outcomes=60) > 0.95
    assert alarms(0.15, 0.06, outcomes=200) > 0.9


def test_an_alarm_stays():
    wrong = np.array([True] * 5 + [False] * 2000)
    assert is_exceeded(wrong[:5], 0.06)
    assert is_exceeded(wrong, 0.06)


def test_nothing_is_known_without_outcomes():
    assert not is_exceeded(np.zeros(0, dtype=bool), 0.06)
