"""How often labels, people and the model err, learnt from the audit of a live project."""

import numpy as np
import pytest
from audited_votes import MANY, read
from relabel.numerics.estimates.error_rates import people_error
from relabel.service.audit.turns import audit_rows, said_anew, turns_of
from relabel.service.insight.audit import read_audit
from relabel.service.votes.rates import learn_rates
from relabel.types import Posteriors

K = 3


def test_people_who_differ_are_counted_also_while_a_third_person_is_waited_for():
    """Two people alone, who differ on every third task of the audit."""
    order = (audit_rows(read()) + 1).tolist()
    said = [
        (task, who, "dog" if who and not n % 3 else "cat")
        for n, task in enumerate(order)
        for who in (0, 1)
    ]
    state = read([(task, str(who), choice) for task, who, choice in said][:24])
    turns = turns_of(state)
    assert len(turns.drawn) >= 12
    assert not len(turns.done)
    ids = np.arange(1, MANY + 1)
    posteriors = Posteriors(ids, np.full((MANY, K), 1 / K, dtype=np.float32))
    verdicts = said_anew(state, turns.done)
    rates = learn_rates(state, turns.drawn, turns.done, verdicts, posteriors)
    assert rates.believed.people == pytest.approx(people_error(12, 4, K))
    audit = read_audit(state)
    assert (audit.pairs, audit.differing) == (12, 4)
