import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.learning.data import Run
from relabel.learning.selectors.registry import select
from relabel.simulation.campaign.two_phase import QUERIES, TwoPhase, kept_by_either


@pytest.fixture(scope="module")
def started(noisy_digits):
    digits = noisy_digits(0, size=400)
    kept = select("co_teaching_vog", digits.data, {"forget_rate": 0.2}, seed=0)
    return digits, TwoPhase(digits.data, kept_by_either(kept), "coreset", Run(0))


@pytest.mark.slow
def test_what_it_keeps_is_cleaner_than_what_it_was_given(started):
    digits, strategy = started
    assert digits.wrong[strategy.clean].mean() < digits.wrong.mean() / 2
    assert strategy.clean.mean() > 0.7


@pytest.mark.slow
def test_kept_tasks_keep_the_labels_they_were_given(started):
    """No truth leaks into what phase one guessed to be clean."""
    digits, strategy = started
    np.testing.assert_array_equal(strategy.data.counts, digits.data.counts)
    assert digits.wrong[strategy.clean].any()


@pytest.mark.parametrize("query", QUERIES)
def test_a_round_ranks_each_task_that_is_left_once(started, query):
    digits, strategy = started
    asked = TwoPhase(strategy.data, strategy.clean, query, strategy.run)
    pool = np.ones(400, dtype=bool)
    pool[:100] = False
    order = asked.order(digits.data.counts, pool)
    np.testing.assert_array_equal(np.sort(order), np.flatnonzero(pool & ~strategy.clean))


def test_coreset_starts_farthest_from_what_is_known(started):
    digits, strategy = started
    known = digits.data.vectors[strategy.clean]
    order = strategy.order(digits.data.counts, np.ones(400, dtype=bool))
    rest = digits.data.vectors[order]
    nearest = ((rest[:, None] - known[None]) ** 2).sum(-1).min(1)
    assert nearest[0] == pytest.approx(nearest.max())


def test_unknown_queries_are_refused(started):
    digits, strategy = started
    with pytest.raises(ConfigurationError, match="'core'; known: random"):
        TwoPhase(digits.data, strategy.clean, "core", Run(0))
