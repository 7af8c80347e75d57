"""One person and the model settle a task; what counts is what was in force at the last vote."""

from dataclasses import replace

import numpy as np
import pytest
import wiring
from bayes import CLASSES, by_hand
from relabel.errors import ConfigurationError, NotReadyError
from relabel.service.audit.turns import turns_of
from relabel.service.connected import open_connected, policy_of
from relabel.service.export.export import export_rows
from relabel.service.insight.consequences import of_undoing
from relabel.service.insight.forecast import forecast_project
from relabel.service.insight.overview import read_overview
from relabel.service.insight.status import project_status
from relabel.service.queue.scores import scores_now
from relabel.service.queue.settle import preview_settling, settle_all
from relabel.service.queue.undo import undo_run
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.votes.result import RoundResult
from relabel.service.votes.settled import By, settled_by
from relabel.service.votes.task_states import differing_tasks, read_queue_state
from relabel.storage.database import reading
from relabel.storage.projects import get_project, set_project
from relabel.storage.rounds import published_round
from relabel.storage.task_states import list_evidence
from relabel.types import State
from wiring import deliver, publish_round

POSTERIOR = 'consensus = "posterior"'
SURE = {"cat": 0.05, "dog": 0.9, "bird": 0.05}
UNSURE = {"cat": 0.35, "dog": 0.35, "bird": 0.3}


@pytest.fixture
def weighing(context, fake, connected):
    """A project of two tasks labelled cat; the model is sure that the first is a dog."""
    number = connected(["cat", "cat"], POSTERIOR)
    first, second = fake.tasks
    publish_round(context, number, {}, {first: SURE, second: UNSURE})
    fake.events.clear()
    return number, first, second


def seen(context, number):
    with reading(context.engine) as connection:
        connected = open_connected(context.settings, get_project(connection, number))
        assert differing_tasks(connection, connected) == {}
        return read_queue_state(connection, connected)


def shown(context, number):
    """Return (state, label, certainty) of each task."""
    state = seen(context, number)
    certainty = state.believed.certainty(len(state.new))
    columns = state.consensus.states, state.consensus.labels, certainty
    return [
        (State(int(s)), CLASSES[int(label)], None if np.isnan(c) else round(float(c), 6))
        for s, label, c in zip(*columns, strict=True)
    ]


def test_one_person_and_the_model_settle_a_task(context, fake, weighing):
    number, first, second = weighing
    fake.annotate(first, 1, "dog")
    fake.annotate(second, 1, "dog")
    deliver(context, fake)
    sure, unsure = (by_hand(prior, "cat", ["dog"])["dog"] for prior in (SURE, UNSURE))
    assert unsure < 0.95 < sure
    assert shown(context, number) == [
        (State.SETTLED, "dog", round(sure, 6)),
        (State.OPEN, "dog", round(unsure, 6)),
    ]
    rows = export_rows(context, number)[1]
    assert [r.settled_by for r in rows] == ["1 person and the model, .99", "not settled"]
    assert [r.changed for r in rows] == [True, False]
    assert settled_by(seen(context, number)) == [By.PERSON_AND_MODEL, By.NOBODY]
    assert project_status(context.engine, context.settings, number)["settled_with_model"] == 1


def test_people_who_contradict_the_model_are_asked_on(context, fake, weighing):
    number, first, _ = weighing
    fake.annotate(first, 1, "bird")
    deliver(context, fake)
    assert shown(context, number)[0][0] is State.OPEN
    assert not seen(context, number).places.is_labeled[0]
    for person in (2, 3, 4):
        fake.annotate(first, person, "bird")
        deliver(context, fake)
    q = by_hand(SURE, "cat", ["bird"] * 4)["bird"]
    assert shown(context, number)[0] == (State.SETTLED, "bird", round(q, 6))
    assert export_rows(context, number)[1][0].settled_by == "4 of 4 people and the model, .99"
    assert settled_by(seen(context, number)) == [By.PEOPLE_AND_MODEL, By.NOBODY]
    assert project_status(context.engine, context.settings, number)["settled_with_model"] == 1


def test_nothing_is_settled_without_a_person(context, weighing):
    number, *_ = weighing
    assert shown(context, number) == [(State.OPEN, "cat", None)] * 2


def test_a_new_round_settles_and_reopens_nothing_by_itself(context, fake, weighing):
    number, first, second = weighing
    fake.annotate(first, 1, "dog")
    fake.annotate(second, 1, "dog")
    deliver(context, fake)
    before = shown(context, number)
    publish_round(context, number, {}, {first: UNSURE, second: SURE})
    assert shown(context, number) == before
    fake.annotate(second, 2, "dog")
    deliver(context, fake)
    q = by_hand(SURE, "cat", ["dog", "dog"])["dog"]
    assert shown(context, number) == [before[0], (State.SETTLED, "dog", round(q, 6))]


def test_events_that_repeat_take_nothing_down_anew(context, fake, weighing):
    number, first, second = weighing
    fake.annotate(first, 1, "dog")
    events = list(fake.events)
    deliver(context, fake)
    before = shown(context, number)
    publish_round(context, number, {}, {first: UNSURE, second: SURE})
    for event in events:
        receive(context.engine, context.settings, event)
    carry_out(context, number)
    assert shown(context, number) == before


def test_a_vote_that_is_taken_back_takes_its_evidence_along(context, fake, weighing):
    number, first, _ = weighing
    vote = fake.annotate(first, 1, "dog")
    deliver(context, fake)
    fake.delete_annotation(vote)
    deliver(context, fake)
    assert shown(context, number)[0] == (State.OPEN, "cat", None)
    with reading(context.engine) as connection:
        assert list_evidence(connection, number) == []


def change_policy(context, number, params):
    with context.engine.begin() as connection:
        set_project(connection, number, extra_params=params)


def test_a_changed_key_counts_from_the_next_vote_or_on_request(context, fake, connected):
    number = connected(["cat", "cat"])
    first, second = fake.tasks
    publish_round(context, number, {}, {first: SURE, second: SURE})
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    before = shown(context, number)
    assert before[0] == (State.TIED, "cat", None)

    change_policy(context, number, POSTERIOR)
    assert shown(context, number) == before
    said = preview_settling(context, number)
    assert (said.settled, said.reopened, said.relabelled) == (1, 0, 0)
    assert shown(context, number) == before

    settle_all(context, number)
    after = shown(context, number)
    assert after[0][:2] == (State.SETTLED, "dog")
    assert seen(context, number).places.is_labeled[0]
    assert not preview_settling(context, number).tasks

    assert [one.run for one in of_undoing(context.engine, context.settings, number)][-1] == "settle"
    undo_run(context, number, "settle")
    assert shown(context, number) == before
    with pytest.raises(NotReadyError, match="No task of project"):
        undo_run(context, number, "settle")


def test_back_to_people_alone_is_told_and_done_on_request(context, fake, weighing):
    number, first, second = weighing
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    before = shown(context, number)
    change_policy(context, number, 'consensus = "majority"')
    assert shown(context, number) == before
    said = preview_settling(context, number)
    assert said.sentence() == (
        'consensus = "majority" settles 0 tasks, reopens 1 task and changes the label of 0 tasks.'
    )
    settle_all(context, number)
    assert shown(context, number)[0] == (State.TIED, "cat", None)
    fake.annotate(second, 2, "dog")
    fake.annotate(second, 3, "dog")
    deliver(context, fake)
    undo_run(context, number, "settle")
    assert shown(context, number) == [before[0], (State.SETTLED, "dog", None)]


def test_a_vote_since_is_stronger_than_undoing(context, fake, weighing):
    number, first, _ = weighing
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    change_policy(context, number, 'consensus = "majority"')
    settle_all(context, number)
    change_policy(context, number, POSTERIOR)
    fake.annotate(first, 2, "dog")
    deliver(context, fake)
    settled = shown(context, number)
    undo_run(context, number, "settle")
    assert shown(context, number) == settled


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ('consensus = "posterior"\nselector = "co_teaching"', "cross_fit"),
        ('score = "gain"\nselector = "simifeat"', 'selector = "linear"'),
        ('consensus = "posterior"\nsolo = true', "solo = false"),
        ('score = "gain"\ndiversity = "diffusion"', 'diversity = "none"'),
        ("confidence = 1.0", "confidence"),
    ],
)
def test_what_cannot_be_weighed_is_refused_by_name(context, params, told):
    with pytest.raises(ConfigurationError, match=told):
        policy_of(context.settings, params)


def test_figures_of_a_project_agree_where_the_model_counts(context, fake, weighing):
    number, first, second = weighing
    fake.annotate(first, 1, "dog")
    fake.annotate(second, 1, "dog")
    deliver(context, fake)
    overview = read_overview(context.engine, context.settings, number)
    assert overview.curve.corrected.tolist() == [0, 1, 1]
    assert overview.status["corrected"] == 1
    assert overview.noise.changed_next is None
    with pytest.raises(NotReadyError, match="a forecast needs"):
        forecast_project(context, number, target=0.9)


def test_a_model_that_the_audit_has_found_out_counts_no_more(context, fake, connected, monkeypatch):
    number = connected(["cat", "cat"], POSTERIOR)
    first, second = fake.tasks
    publish_round(context, number, {}, {first: SURE, second: SURE})
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    before = shown(context, number)[0]
    real = wiring.RoundRates
    monkeypatch.setattr(wiring, "RoundRates", lambda *known: real(*known, trusted=False))
    publish_round(context, number, {}, {first: SURE, second: SURE})
    fake.annotate(second, 1, "dog")
    deliver(context, fake)
    assert shown(context, number) == [before, (State.TIED, "cat", None)]
    overview = read_overview(context.engine, context.settings, number)
    assert overview.noise.mistrusted


def test_undoing_goes_by_votes_and_not_by_two_machines_clocks(context, fake, weighing, monkeypatch):
    number, first, _ = weighing
    monkeypatch.setattr(fake, "_now", lambda: "2099-01-01T00:00:00.000000Z")
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    before = shown(context, number)
    change_policy(context, number, 'consensus = "majority"')
    settle_all(context, number)
    assert shown(context, number) != before
    undo_run(context, number, "settle")
    assert shown(context, number) == before


def test_by_gain_a_round_of_before_keeps_its_order(context, fake, connected):
    """Its result has neither the name of its score nor rates."""
    number = connected(["cat", "cat"], "window = 2")
    publish_round(context, number, dict.fromkeys(fake.tasks, 0.5))
    with reading(context.engine) as connection:
        last = published_round(connection, number)
    result = RoundResult.load(context.folder(number), last.artifact)
    old = replace(result, score="", rates=None)
    old.save(context.folder(number), last.artifact.removesuffix(".npz"))
    change_policy(context, number, 'score = "gain"')
    fake.annotate(next(iter(fake.tasks)), 1, "dog")
    deliver(context, fake)
    state = seen(context, number)
    scores, _ = scores_now(
        state, RoundResult.load(context.folder(number), last.artifact), turns_of(state)
    )
    np.testing.assert_allclose(state.places.score, scores, atol=1e-9)
