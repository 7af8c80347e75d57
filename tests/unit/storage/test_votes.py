"""What counts as a vote: pure, on annotations as they stand in the mirror."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.storage.annotations import Annotation, Kind, votes_of

CLASSES = ("cat", "dog")


def annotation(number, person="1", choice="cat", *, task=7, kind=Kind.LABEL, at=None, by=""):
    at = number if at is None else at
    moment = f"2026-01-01T00:{at:02d}:00.000000Z"
    return Annotation(number, task, person, kind, choice, moment, moment, by)


def labels(found, **options):
    return {(v.task_id, v.source): v.label for v in votes_of(found, CLASSES, **options)}


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
    (vote,) = votes_of([annotation(3)], CLASSES)
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
    votes = votes_of(found, CLASSES)
    assert len({(v.task_id, v.source) for v in votes}) == len(votes)
    assert {(v.task_id, v.source) for v in votes} <= {(a.task_id, a.annotator) for a in found}
