"""The audit tells the noise there was at first, although later rounds draw from what is left."""

from types import SimpleNamespace

import numpy as np
import pytest
from relabel.errors import NotReadyError
from relabel.service.insight.audit import Audit, read_audit
from relabel.types import Consensus, State
from scipy.stats import binom

N, WRONG = 1000, 200


def campaign(rng, skill=0.0, wrong_labels=WRONG):
    """Two rounds of 20 audited tasks each; between them the ranking finds most wrong labels.

    skill: how much the model's doubt knows, 0 = nothing.
    """
    wrong = np.zeros(N, dtype=bool)
    wrong[rng.choice(N, wrong_labels, replace=False)] = True
    asked, audit = np.full(N, np.inf), np.zeros(N, dtype=bool)
    for at in (0.0, 10.0):
        free = np.flatnonzero(np.isinf(asked))
        drawn = rng.choice(free, 20, replace=False)
        audit[drawn], asked[drawn] = True, at + 1
        if at == 0:
            left = np.flatnonzero(wrong & np.isinf(asked))
            asked[rng.choice(left, min(150, 3 * len(left) // 4), replace=False)] = at + 2
    given = np.zeros(N, dtype=np.int64)
    labels = np.where(wrong & np.isfinite(asked), 1, 0)
    states = np.where(np.isfinite(asked), int(State.SETTLED), int(State.OPEN))
    state = SimpleNamespace(
        given=given,
        consensus=Consensus(labels, states),
        asked_at=asked,
        places=SimpleNamespace(audit=audit),
    )
    doubts = np.clip(0.3 + skill * (wrong - 0.5) + rng.normal(0, 0.1, N), 0, 1)
    return read_audit(state, doubts, [0.0, 10.0])


@pytest.mark.slow
@pytest.mark.parametrize("skill", [0.0, 0.5])
def test_over_many_campaigns_the_estimate_is_right_on_average(skill):
    """The plain share among the audited tasks is far too low; the corrected one is not."""
    audits = [campaign(np.random.default_rng(seed), skill) for seed in range(300)]
    plain = np.mean([a.wrong.mean() for a in audits])
    estimated = np.mean([a.initial(N).value for a in audits])
    assert plain < 0.15
    assert estimated == pytest.approx(WRONG / N, abs=0.012)


@pytest.mark.slow
@pytest.mark.parametrize("skill", [0.0, 0.5])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(skill):
    found = [campaign(np.random.default_rng(seed), skill).initial(N) for seed in range(300)]
    covered = np.mean([e.low <= WRONG / N <= e.high for e in found])
    assert covered > 0.9


@pytest.mark.parametrize("audited", [39, 40])
def test_what_the_share_comes_from_is_said_as_it_is(audited):
    """The model's doubt is named where it has a say."""
    whole = campaign(np.random.default_rng(0), 0.5)
    audit = Audit(*(getattr(whole, name)[:audited] for name in Audit.__dataclass_fields__))
    assert audit.source.startswith(f"{audited} tasks audited at random")
    assert ("the model's doubt" in audit.source) == (audited == 40)


@pytest.mark.parametrize("wrong_labels", [50, 400])
def test_the_interval_holds_with_few_and_with_many_wrong_labels(wrong_labels):
    """Of intervals that hold .95 of the time, fewer than this hold once in a thousand tries."""
    campaigns = [campaign(np.random.default_rng(seed), 0.5, wrong_labels) for seed in range(100)]
    found = [audit.initial(N) for audit in campaigns]
    held = sum(e.low <= wrong_labels / N <= e.high for e in found)
    assert held >= binom.ppf(0.001, 100, found[0].level)


def test_a_model_that_knows_something_narrows_the_interval():
    blind, seeing = (campaign(np.random.default_rng(1), skill).initial(N) for skill in (0.0, 0.5))
    assert seeing.high - seeing.low < 0.7 * (blind.high - blind.low)


def test_without_audited_tasks_there_is_no_estimate():
    none = np.zeros(0)
    audit = Audit(none.astype(bool), none, none, none, none)
    with pytest.raises(NotReadyError, match="audit"):
        audit.initial(100)
