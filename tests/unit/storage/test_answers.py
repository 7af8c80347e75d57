"""What becomes of what people said: pure, on annotations as they stand in the mirror."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.answers import Outcome, answers_of, meanings

CLASSES = ("cat", "dog")


def annotation(number, person="1", choice="cat", *, task=7, kind=Kind.LABEL, at=None, by=""):
    at = number if at is None else at
    choice = choice if kind is Kind.LABEL else ""
    return Annotation(number, task, person, kind, choice, moment(at), moment(at), by)


def old(number, person="1", choice="cat", *, now=None, kind=Kind.LABEL, at=40, by="", task=7):
    """An initial annotation; `now` is what it says since somebody changed it."""
    first = (str(Kind.LABEL), choice, "", moment(number))
    made, changed = moment(number), moment(at if now is not None else number)
    said = choice if now is None else now
    return Annotation(number, task, person, kind, said, made, changed, by, True, *first)


def moment(minute):
    return f"2026-01-01T00:{minute:02d}:00.000000Z"


def answers(found, *, overwritten="editor", **options):
    return answers_of(found, meanings(CLASSES, **options), overwritten=overwritten)


def labels(found, **options):
    """Return the label of every vote by task and person."""
    return {(a.task_id, a.source): a.label for a in answers(found, **options) if a.counts}


def outcomes(found, **options):
    return [(a.annotation_id, a.initial, a.source, a.outcome) for a in answers(found, **options)]


def test_every_person_has_one_vote_per_task():
    found = [
        annotation(1, "1", "cat"),
        annotation(2, "2", "dog"),
        annotation(3, "1", "dog", task=8),
    ]
    assert labels(found) == {(7, "1"): 0, (7, "2"): 1, (8, "1"): 1}


def test_the_newest_annotation_of_a_person_counts():
    assert labels([annotation(1, choice="cat"), annotation(2, choice="dog")]) == {(7, "1"): 1}
    assert labels([annotation(2, choice="dog"), annotation(1, choice="cat")]) == {(7, "1"): 1}


def test_a_changed_older_annotation_is_newer_than_an_unchanged_later_one():
    assert labels([annotation(1, choice="dog", at=9), annotation(2, choice="cat")]) == {(7, "1"): 1}


def test_of_two_at_the_same_moment_the_later_id_counts():
    found = [annotation(5, choice="dog", at=1), annotation(4, choice="cat", at=1)]
    assert labels(found) == {(7, "1"): 1}


@pytest.mark.parametrize("kind", [Kind.EMPTY, Kind.CANCELLED, Kind.UNREADABLE])
def test_what_holds_no_label_is_no_vote_and_hides_none(kind):
    assert labels([annotation(1, kind=kind)]) == {}
    assert labels([annotation(1), annotation(2, kind=kind)]) == {(7, "1"): 0}


def test_an_unknown_class_is_no_vote_and_hides_none():
    assert labels([annotation(1), annotation(2, choice="bird")]) == {(7, "1"): 0}


def test_an_abstention_is_a_vote_without_label():
    assert labels([annotation(1, choice="?")], cannot_tell="?") == {(7, "1"): None}
    assert labels([annotation(1, choice="?")]) == {}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("editor", {(7, "2"): 1}), ("author", {(7, "1"): 1}), ("ignore", {})],
)
def test_an_overwritten_annotation_is_a_vote_by_policy(rule, expected):
    found = [annotation(1, "1", "dog", by="2")]
    assert labels(found, overwritten=rule) == expected


def test_a_vote_knows_its_annotation_and_when_it_was_given():
    (vote,) = answers([annotation(3)])
    assert vote.annotation_id == 3
    assert vote.at == datetime(2026, 1, 1, 0, 3, tzinfo=UTC)


ANNOTATIONS = st.lists(
    st.builds(
        annotation,
        st.integers(1, 50),
        st.sampled_from("123"),
        st.sampled_from(["cat", "dog", "bird", ""]),
        task=st.sampled_from([7, 8]),
        kind=st.sampled_from(Kind),
    ),
    unique_by=lambda a: a.annotation_id,
)


@given(ANNOTATIONS, st.randoms())
def test_votes_do_not_depend_on_the_order_of_reading(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert labels(shuffled) == labels(found)


@given(ANNOTATIONS)
def test_there_are_never_more_votes_than_people(found):
    votes = [a for a in answers(found) if a.counts]
    assert len({(v.task_id, v.source) for v in votes}) == len(votes)
    assert {(v.task_id, v.source) for v in votes} <= {(a.task_id, a.annotator) for a in found}


@given(ANNOTATIONS)
def test_every_annotation_has_one_answer_and_every_answer_an_outcome(found):
    assert sorted(a.annotation_id for a in answers(found)) == sorted(a.annotation_id for a in found)


# -- what becomes of everything else ---------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (Kind.EMPTY, Outcome.NO_ANSWER),
        (Kind.CANCELLED, Outcome.SKIPPED),
        (Kind.UNREADABLE, Outcome.UNREADABLE),
    ],
)
def test_an_answer_without_a_vote_says_why(kind, outcome):
    assert outcomes([annotation(1, kind=kind)]) == [(1, False, "1", outcome)]


def test_an_unknown_class_keeps_the_value_as_it_was_read():
    (answer,) = answers([annotation(1, choice="Dog ")])
    assert (answer.outcome, answer.choice, answer.label) == (Outcome.UNKNOWN_CLASS, "Dog ", None)


def test_an_older_label_of_the_same_person_is_replaced():
    found = [annotation(1, choice="cat"), annotation(2, choice="dog")]
    assert [a.outcome for a in answers(found)] == [Outcome.REPLACED, Outcome.VOTE]


def test_what_the_policy_ignores_is_named():
    found = [annotation(1, "1", "dog", by="2")]
    assert outcomes(found, overwritten="ignore") == [(1, False, "1", Outcome.IGNORED)]


def test_a_value_that_stands_for_a_class_is_a_vote_for_it():
    assert labels([annotation(1, choice="Dog")], renamed={"Dog": "dog"}) == {(7, "1"): 1}
    assert labels([annotation(1, choice="unsure")], cannot_tell="?", renamed={"unsure": "?"}) == {
        (7, "1"): None
    }


# -- labels from before relabelling began ----------------------------------------------------
def test_an_initial_label_and_a_new_vote_of_the_same_person_both_count():
    found = [old(1, "1", "cat"), annotation(2, "1", "dog")]
    assert outcomes(found) == [(1, True, "1", Outcome.VOTE), (2, False, "1", Outcome.VOTE)]


def test_a_change_of_an_initial_label_is_a_new_vote_of_whoever_made_it():
    by_author, by_other = old(1, "1", "cat", now="dog"), old(1, "1", "cat", now="dog", by="2")
    assert outcomes([by_author]) == [(1, True, "1", Outcome.VOTE), (1, False, "1", Outcome.VOTE)]
    assert outcomes([by_other]) == [(1, True, "1", Outcome.VOTE), (1, False, "2", Outcome.VOTE)]
    first, second = answers([by_other])
    assert (first.choice, second.choice) == ("cat", "dog")
    assert second.at == datetime(2026, 1, 1, 0, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "new"),
    [("author", ("1", Outcome.VOTE)), ("ignore", ("1", Outcome.IGNORED))],
)
def test_a_change_by_somebody_else_goes_by_the_policy(rule, new):
    found = [old(1, "1", "cat", now="dog", by="2")]
    assert outcomes(found, overwritten=rule) == [(1, True, "1", Outcome.VOTE), (1, False, *new)]


@pytest.mark.parametrize("kind", [Kind.EMPTY, Kind.CANCELLED, Kind.UNREADABLE])
def test_an_initial_label_that_is_cleared_or_skipped_still_stands(kind):
    before, since = answers([old(1, "1", "cat", now="", kind=kind)])
    assert (before.outcome, before.label, before.initial) == (Outcome.VOTE, 0, True)
    assert (since.counts, since.initial) == (False, False)


def test_saving_an_initial_label_without_a_change_says_nothing_new():
    assert outcomes([old(1, "1", "cat", now="cat", by="2")]) == [(1, True, "1", Outcome.VOTE)]


def test_of_two_initial_labels_of_a_person_the_newest_at_the_beginning_counts_for_ever():
    found = [old(1, "1", "cat", now="", kind=Kind.EMPTY), old(2, "1", "dog")]
    assert labels(found) == {(7, "1"): 1}


# -- authors who are gone --------------------------------------------------------------------
def test_annotations_without_an_author_are_as_many_votes_as_they_are():
    found = [old(1, "", "cat"), old(2, "", "cat"), old(3, "3", "dog")]
    said = answers(found)
    assert [(a.outcome, a.authorless) for a in said] == [
        (Outcome.VOTE, True),
        (Outcome.VOTE, True),
        (Outcome.VOTE, False),
    ]
    assert len({a.source for a in said}) == 3
