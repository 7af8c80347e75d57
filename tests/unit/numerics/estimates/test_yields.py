"""What the next votes will find, and when to stop."""

import numpy as np
import pytest
from relabel.errors import InvalidValuesError
from relabel.numerics.estimates.yields import DoubtModel, fit_doubt, predicted_yield

CERTAIN = DoubtModel(np.array([0.0, 1.0]), np.zeros((2, 2)))


def rng():
    return np.random.default_rng(0)


def test_without_outcomes_the_doubt_is_believed_with_room_for_error():
    model = fit_doubt(np.zeros(0), np.zeros(0, dtype=bool))
    doubts = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(model.probability(doubts), doubts, atol=1e-9)
    np.testing.assert_allclose(model.covariance, [[1, 0], [0, 0.25]])


def test_outcomes_teach_how_much_to_believe():
    generator = rng()
    doubts = generator.uniform(0.02, 0.98, 5000)
    odds = np.log(doubts / (1 - doubts))
    truth = 1 / (1 + np.exp(-(-1.5 + 0.6 * odds)))
    model = fit_doubt(doubts, generator.random(5000) < truth)
    np.testing.assert_allclose(model.coefficients, [-1.5, 0.6], atol=0.12)
    np.testing.assert_allclose(model.probability(doubts), truth, atol=0.03)
    assert np.sqrt(np.diag(model.covariance)).max() < 0.06


def test_the_covariance_is_how_far_other_outcomes_would_lead():
    generator = rng()
    doubts = generator.uniform(0.02, 0.98, 2000)
    chance = CERTAIN.probability(doubts)
    models = [fit_doubt(doubts, generator.random(2000) < chance) for _ in range(300)]
    spread = np.std([model.coefficients for model in models], axis=0)
    told = np.sqrt(np.diag(models[0].covariance))
    np.testing.assert_allclose(spread, told, rtol=0.15)


def test_separable_outcomes_give_finite_coefficients():
    doubts = np.array([0.0, 0.001, 0.999, 1.0])
    model = fit_doubt(doubts, doubts > 0.5)
    assert np.isfinite(model.coefficients).all()
    assert model.probability(doubts)[0] < 0.01
    assert model.probability(doubts)[3] > 0.99


def test_the_fit_is_the_maximum_of_the_penalised_likelihood():
    doubts, wrong = np.array([0.2, 0.4, 0.6, 0.9]), np.array([False, True, False, True])
    best = fit_doubt(doubts, wrong).coefficients

    def objective(beta):
        odds = beta[0] + beta[1] * np.log(doubts / (1 - doubts))
        fit = np.log1p(np.exp(np.where(wrong, -odds, odds))).sum()
        return fit + beta[0] ** 2 / 2 + (beta[1] - 1) ** 2 / (2 * 0.25)

    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01]):
        assert objective(best) < objective(best + step)


@pytest.mark.parametrize(
    ("doubts", "wrong"),
    [(np.array([0.5]), np.array([True, False])), (np.array([1.5]), np.array([True]))],
)
def test_outcomes_that_do_not_fit_their_doubts_are_refused(doubts, wrong):
    with pytest.raises(InvalidValuesError, match=r"doubts in \[0, 1\]"):
        fit_doubt(doubts, wrong)


def test_votes_reach_as_many_tasks_as_they_pay_for():
    """Five votes settle two tasks of two votes and half of a third."""
    doubts, each = np.array([0.9, 0.8, 0.5, 0.4]), np.full(4, 2.0)
    assert predicted_yield(doubts, each, 5, CERTAIN) == pytest.approx(0.9 + 0.8 + 0.25)


def test_more_votes_than_tasks_find_all_that_is_expected():
    assert predicted_yield(np.array([0.5, 0.5]), np.ones(2), 100, CERTAIN) == pytest.approx(1)


def test_no_votes_find_nothing():
    assert predicted_yield(np.array([0.5, 0.5]), np.ones(2), 0, CERTAIN) == 0


def test_the_prediction_is_right_on_average():
    """400 projects whose doubts are wrong in an unknown way, after 60 outcomes each."""
    generator, missed, believed = rng(), [], []
    for _ in range(400):
        a, b = generator.normal(0, 1), generator.normal(1, 0.5)
        doubts = generator.uniform(0.05, 0.95, 260)
        truth = 1 / (1 + np.exp(-(a + b * np.log(doubts / (1 - doubts)))))
        wrong = generator.random(260) < truth
        model = fit_doubt(doubts[:60], wrong[:60])
        found = predicted_yield(doubts[60:], np.ones(200), 200, model)
        missed.append(found - wrong[60:].sum())
        believed.append(doubts[60:].sum() - wrong[60:].sum())
    assert abs(np.mean(missed)) < 2
    assert np.std(missed) < np.std(believed) / 2
