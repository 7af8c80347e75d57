"""How an audited task was settled first, replayed from its votes."""

from types import SimpleNamespace

import numpy as np
import pytest
from relabel.numerics.consensus.posterior import Rates
from relabel.policy import Policy
from relabel.service.votes import settlements
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.settlements import Settlements, first_settlements, is_trusted
from relabel.service.votes.state import Believed, nothing_believed
from relabel.storage.answers import Outcome, Saying, Sayings
from relabel.types import LabelCounts

OLD = 0
RATES = RoundRates(("a", "b"), Rates(np.full(2, 0.1), 0.1, 0.05), {})


def project(said, believed=None):
    """Return a project of one task with the old label 0, and the model's belief after all votes."""
    kind = tuple(Saying("1", "", Outcome.VOTE, label, False, False) for label in said)
    new = np.bincount(said, minlength=2)[None]
    q = nothing_believed(2) if believed is None else Believed(np.array([0]), np.array([believed]))
    return SimpleNamespace(
        said=Sayings([kind], np.array([0])),
        schema=SimpleNamespace(classes=("a", "b")),
        counts=LabelCounts(np.array([1]), np.eye(2, dtype=np.int64)[[OLD]] + new),
        new_counts=new,
        believed=q,
        policy=Policy(confidence=0.95),
    )


@pytest.mark.parametrize(
    ("said", "label"), [([0], 0), ([0, 1, 1], 0), ([1], -1), ([1, 1], 1), ([1, 0, 1, 1], 0)]
)
def test_people_settle_by_the_first_strict_majority(said, label):
    found = first_settlements(project(said), np.array([0]), None)
    assert found.labels.tolist() == [label]
    assert not found.alone[0]


def test_one_person_and_the_model_settled_before_a_second_one_objected():
    """Odds of 44 after the first vote, which is .978; the second one divides them by 19."""
    odds = 0.7 / 0.3 * 19
    now = odds / 19
    state = project([0, 1], (now / (1 + now), 1 / (1 + now)))
    found = first_settlements(state, np.array([0]), RATES)
    assert (found.labels[0], found.alone[0]) == (0, True)


def test_it_took_two_people_where_the_model_doubted():
    odds = 1 / 3 * 19 * 19
    state = project([0, 0], (odds / (1 + odds), 1 / (1 + odds)))
    found = first_settlements(state, np.array([0]), RATES)
    assert (found.labels[0], found.alone[0]) == (0, False)


def test_without_the_rounds_rates_what_the_model_settled_is_not_known():
    found = first_settlements(project([0, 1], (0.7, 0.3)), np.array([0]), None)
    assert found.labels.tolist() == [-1]


@pytest.mark.parametrize(("errs", "trusted"), [(0, True), (2, True), (12, False)])
def test_the_model_is_trusted_until_the_audit_finds_it_out(monkeypatch, errs, trusted):
    """Of forty audited tasks that one person and the model settled people would change so many."""
    labels = np.zeros(40, dtype=np.int64)
    found = Settlements(labels, np.ones(40, dtype=bool))
    monkeypatch.setattr(settlements, "first_settlements", lambda *_: found)
    state = SimpleNamespace(policy=Policy(confidence=0.95))
    said = np.where(np.arange(40) < errs, 1, 0)
    assert is_trusted(state, np.arange(40), said, RATES) == trusted
    undecided = np.where(said == 1, -1, said)
    assert is_trusted(state, np.arange(40), undecided, RATES), "no verdict accuses nobody"
