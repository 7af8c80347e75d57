"""The audit tells the noise there was at first, although later rounds draw from what is left."""

from types import SimpleNamespace

import numpy as np
import pytest
from relabel.errors import NotReadyError
from relabel.service.audit import Audit, read_audit
from relabel.types import Consensus, State

N, WRONG = 1000, 200


def campaign(rng):
    """Two rounds of 20 audited tasks each; between them the ranking finds 150 wrong labels."""
    wrong = np.zeros(N, dtype=bool)
    wrong[rng.choice(N, WRONG, replace=False)] = True
    asked, audit = np.full(N, np.inf), np.zeros(N, dtype=bool)
    for at in (0.0, 10.0):
        free = np.flatnonzero(np.isinf(asked))
        drawn = rng.choice(free, 20, replace=False)
        audit[drawn], asked[drawn] = True, at + 1
        if at == 0:
            left = np.flatnonzero(wrong & np.isinf(asked))
            asked[rng.choice(left, 150, replace=False)] = at + 2
    given = np.zeros(N, dtype=np.int64)
    labels = np.where(wrong & np.isfinite(asked), 1, 0)
    states = np.where(np.isfinite(asked), int(State.SETTLED), int(State.OPEN))
    tasks = {i: SimpleNamespace(audit=bool(a)) for i, a in enumerate(audit)}
    state = SimpleNamespace(given=given, consensus=Consensus(labels, states), tasks=tasks)
    return read_audit(state, asked, [0.0, 10.0])


def test_over_many_campaigns_the_estimate_is_right_on_average():
    """The plain share among the audited tasks is far too low; the corrected one is not."""
    audits = [campaign(np.random.default_rng(seed)) for seed in range(300)]
    plain = np.mean([a.wrong.mean() for a in audits])
    estimated = np.mean([a.initial(N).value for a in audits])
    assert plain < 0.15
    assert estimated == pytest.approx(WRONG / N, abs=0.012)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    found = [campaign(np.random.default_rng(seed)).initial(N) for seed in range(300)]
    covered = np.mean([e.low <= WRONG / N <= e.high for e in found])
    assert covered > 0.9


def test_without_audited_tasks_there_is_no_estimate():
    with pytest.raises(NotReadyError, match="audit"):
        Audit(np.zeros(0, dtype=bool), 100.0, 0.0).initial(100)
