"""The judges of the live tests and of the soak notice what they are there for."""

from consistency import (
    differences,
    doubled,
    settings_wrong,
    settled_but_open,
    votes_of,
)
from crowd import Crowd, Served, Submission
from relabel.demo.queue_state import QueuedTask, QueueState

SAID = {1: (7, 2, "cat"), 2: (7, 3, "dog"), 3: (8, 2, "")}


def crowd(served, submissions):
    return Crowd("http://localhost", 1, [], lambda _: "cat", served=served, submissions=submissions)


def vote(annotator, task, label, at):
    return Submission(annotator, task, label, seconds=0.1, answered_at=at, annotation=0)


def test_equal_stores_show_no_difference():
    assert differences(SAID, dict(SAID)) == []


def test_lost_invented_and_changed_annotations_are_differences():
    store = {1: (7, 2, "dog"), 2: (7, 3, "dog"), 9: (8, 2, "")}
    found = differences(store, SAID)
    assert [text.split(":")[0] for text in found] == [
        "annotation 1",
        "annotation 3",
        "annotation 9",
    ]


def test_two_annotations_of_one_person_on_one_task_are_doubled():
    assert doubled(SAID) == []
    assert doubled({**SAID, 4: (7, 3, "cat")}) == [(7, 3)]


def test_an_annotation_without_label_is_no_vote():
    assert votes_of(SAID) == {7: {2: "cat", 3: "dog"}}


def test_an_open_task_with_a_majority_is_noticed():
    settled = {2: "cat", 3: "cat"}
    tied = {2: "cat", 3: "dog"}
    tasks = {
        1: QueuedTask(0.1, is_open=True, votes=settled),
        2: QueuedTask(0.1, is_open=False, votes=settled),
        3: QueuedTask(0.1, is_open=True, votes=tied),
    }
    assert settled_but_open(QueueState("v", tasks)) == [1]


def test_only_settings_that_change_the_order_count():
    right = {
        "sampling": "Uncertainty sampling",
        "maximum_annotations": 1,
        "show_collab_predictions": True,
        "model_version": "v1",
        "title": "whatever",
    }
    assert settings_wrong(right, "v1") == {}
    assert settings_wrong(right, "v2") == {"model_version": "v1"}


def test_a_task_asked_for_after_its_majority_was_handed_out_settled():
    """One asked for before is not: two people asked at the same instant."""
    votes = [vote(2, 7, "cat", at=10.0)]
    late, early = Served(3, 7, asked_at=11.0), Served(4, 7, asked_at=9.0)
    before = {7: {1: "cat"}}
    assert crowd([early], votes).served_settled(before) == []
    assert crowd([early, late], votes).served_settled(before) == [7]
    assert crowd([late], [vote(2, 7, "dog", at=10.0)]).served_settled(before) == []


def test_a_task_handed_twice_to_one_person_is_noticed():
    twice = [Served(2, 7, 1.0), Served(3, 7, 2.0), Served(2, 7, 3.0)]
    assert crowd(twice[:2], []).served_again() == []
    assert crowd(twice, []).served_again() == [(2, 7)]
