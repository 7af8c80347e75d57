"""How a task was settled, as a kind to choose by and as a sentence, says one thing."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_projects import projects
from relabel.errors import ConfigurationError
from relabel.numerics.consensus.posterior import Rates
from relabel.service.votes.evidence import weighed
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.settled import (
    EVERY,
    By,
    Support,
    count_settled,
    explained,
    kinds_named,
    settled_by,
)
from relabel.service.votes.state import count_state
from relabel.storage.task_states import Evidence
from relabel.types import State


@st.composite
def supports(draw):
    """Draw what stands behind a label: a vote or an old label, and the model beside a vote only."""
    agreeing, others = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    labels = draw(st.integers(0 if agreeing else 1, 3))
    weighed = agreeing and draw(st.booleans())
    certainty = draw(st.floats(0.5, 1)) if weighed else 0.0
    return Support(draw(st.booleans()), agreeing, agreeing + others, labels, certainty)


@st.composite
def states(draw):
    """Draw what votes say, in some tasks beside a model's evidence."""
    connected, tasks, annotations = draw(projects())
    state = count_state(connected, tasks, annotations)
    classes = state.schema.classes
    rates = RoundRates(classes, Rates(np.full(len(classes), 0.2), 0.2, 0.05), {})
    sure = draw(st.lists(st.sampled_from([None, 0.4, 0.9]), min_size=8, max_size=8))
    evidence = []
    for task_id in tasks:
        p = sure[task_id - 1]
        if p is not None:
            prior = np.full(len(classes), (1 - p) / (len(classes) - 1), dtype=np.float32)
            prior[task_id % len(classes)] = p
            evidence.append(Evidence(task_id, 1, 0.95, prior.tobytes()))
    return weighed(state, evidence, {1: rates})


def kind_told(words):
    """Return the kind that a sentence speaks of, by its words alone."""
    if words == "not settled":
        return By.NOBODY
    people = re.match(r"(\d+) (?:of \d+ people|person)", words)
    several = people is not None and int(people[1]) > 1
    if "the model" in words:
        return By.PEOPLE_AND_MODEL if several else By.PERSON_AND_MODEL
    if several:
        return By.PEOPLE
    return By.OLD_LABEL if "old label" in words else By.PERSON


@given(supports())
def test_the_sentence_never_contradicts_the_kind(support):
    assert kind_told(support.sentence()) is support.by


@settings(deadline=None)
@given(states())
def test_every_task_is_of_the_kind_that_its_votes_and_its_sentence_say(state):
    kinds, words = settled_by(state), explained(state)
    assert [kind_told(text) for text in words] == kinds
    weighed_rows = set(state.believed.rows.tolist())
    for row, by in enumerate(kinds):
        settled = state.consensus.states[row] == State.SETTLED
        assert (by is By.NOBODY) is not settled
        if not settled:
            continue
        agreeing = int(state.new_counts[row, state.consensus.labels[row]])
        assert (by in {By.PEOPLE_AND_MODEL, By.PERSON_AND_MODEL}) is (row in weighed_rows)
        assert (by in {By.PEOPLE, By.PEOPLE_AND_MODEL}) is (agreeing > 1)
        if by is By.PERSON:
            assert (agreeing, int(state.new[row]) - int(state.abstains[row])) <= (1, 1)
            assert state.policy.solo
    assert count_settled(state) == {by: kinds.count(by) for by in By}


def test_kinds_are_chosen_by_name_and_all_of_them_by_none():
    assert kinds_named([]) == EVERY == set(By)
    assert kinds_named(["people", "nobody", "people"]) == {By.PEOPLE, By.NOBODY}
    for unknown in ("", "People", "model"):
        with pytest.raises(ConfigurationError, match=r"Settled by '.*choose one of people, "):
            kinds_named(["people", unknown])
