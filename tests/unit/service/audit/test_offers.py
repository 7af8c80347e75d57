"""How many turns of the audit it takes until what is needed is known."""

from dataclasses import replace

from audited_votes import MANY, read
from relabel.numerics.estimates.stopping import Stop
from relabel.service.audit.kept_turns import UNKNOWN, turns_to_keep
from relabel.service.audit.offers import offer_of
from relabel.service.audit.turns import audit_rows, turns_of
from relabel.service.votes.state import Part
from relabel.storage.task_states import AuditTurn

ORDER = read().counts.task_ids[audit_rows(read())].tolist()


def agreed(*tasks, choice="cat"):
    return [(task, who, choice) for task in tasks for who in ("1", "2")]


def asked(state, until, part=Part.ALL):
    """Return the state of a project in which somebody has asked for so many turns."""
    project = replace(state.project, audit_until={str(part): until})
    return replace(state, connected=replace(state.connected, project=project))


def rows_of(state):
    return state.counts.task_ids[turns_of(state).rows].tolist()


def test_what_was_asked_for_comes_whatever_the_votes_give():
    state = read(audit_share=0.0)
    assert rows_of(asked(state, 5)) == ORDER[:5]
    assert rows_of(asked(state, MANY + 5)) == ORDER
    assert rows_of(asked(read(agreed(*ORDER[:3])), 2)) == ORDER[:6]


def test_no_answer_has_a_say_in_which_tasks_come():
    for choice in ("cat", "dog"):
        state = asked(read(agreed(*ORDER[:3], choice=choice), audit_share=0.0), 5)
        assert rows_of(state) == ORDER[:5]


def test_they_are_counted_from_the_first_one_that_waits():
    state = asked(read(agreed(*ORDER[:3], ORDER[4]), audit_share=0.0), 6)
    assert turns_of(state).done.tolist() == [i - 1 for i in ORDER[:3]]
    offer = offer_of(state, 4)
    assert (offer.until, offer.tasks, offer.is_new) == (7, 4, True)
    assert (offer.mute, offer.votes) == (1, 6)
    assert not offer_of(state, 3).is_new
    assert offer_of(state, 0).until == 3
    assert offer_of(state, 1000).until == MANY
    assert offer.name == ":7"


def test_until_something_is_known_it_takes_20_verdicts_settled_tasks_among_them():
    state = read(agreed(*ORDER[:3]), audit_share=0.0)
    assert offer_of(asked(state, 3)).tasks == 17


def test_then_it_takes_as_many_unsettled_tasks_as_the_statement_needs(monkeypatch):
    """Settled ones between them are asked about as well: the order leaves none out."""
    said = Stop(9, 5, 9 / 14, is_said=False, needed=4)
    monkeypatch.setattr("relabel.service.audit.offers.statement", lambda _: said)
    settled = [ORDER[place] for place in (20, 22, 23, 30)]
    votes = [*agreed(*ORDER[:20]), *((task, "1", "cat") for task in settled)]
    offer = offer_of(asked(read(votes, audit_share=0.0), 20))
    assert (offer.until, offer.tasks, offer.mute) == (27, 7, 3)


def test_those_of_whom_it_is_not_known_what_was_left_are_not_counted(monkeypatch):
    said = Stop(9, 5, 9 / 14, is_said=False, needed=4)
    monkeypatch.setattr("relabel.service.audit.offers.statement", lambda _: said)
    # 20 have a verdict, two more had their turn in an earlier version.
    early = {i: AuditTurn(i, "", 0.0, 0.0, UNKNOWN, 0) for i in ORDER[:22]}
    state = asked(read(agreed(*ORDER[:20]), audit_share=0.0), 22)
    offer = offer_of(replace(state, kept_turns=early))
    assert (offer.tasks, offer.mute) == (6, 2)


def test_only_turns_that_the_votes_gave_may_be_old():
    state = asked(read(agreed(ORDER[0]), audit_share=0.25), 4)
    kept = turns_to_keep(state, None, turns_of(state))
    assert [one.task_id for one in kept] == ORDER[:4]
    assert [one.pool for one in kept] == [0, MANY - 1, MANY - 2, MANY - 3]


def test_a_part_is_asked_about_its_own_tasks_alone():
    test = set(range(2, MANY + 1, 2))
    state = asked(read(test=test, split="part", audit_share=0.0), 5, Part.EVALUATION)
    assert set(rows_of(state.of(Part.EVALUATION))) <= test
    assert len(rows_of(state.of(Part.EVALUATION))) == 5
    assert rows_of(state.of(Part.REST)) == rows_of(state) == []
