"""What a task needs to be imported again, and where the better label is put."""

import pytest
from relabel.labelstudio.labels import parse_label_config
from relabel.labelstudio.reimport import (
    Label,
    hidden_tags,
    importable,
    lost_by_importing,
    with_label,
)

CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<View visibleWhen="choice-selected" whenTagName="label" whenChoiceValue="cat,lynx">'
    '<TextArea name="fur" toName="image"/></View>'
    '<TextArea name="why" toName="image" visibleWhen="choice-unselected" whenTagName="label" '
    'whenChoiceValue="cat"/>'
    '<TextArea name="any" toName="image" visibleWhen="choice-selected" whenTagName="label"/>'
    '<TextArea name="other" toName="image" visibleWhen="choice-selected" whenTagName="side"/>'
    '<TextArea name="region" toName="image" perRegion="true" whenTagName="label"/></View>'
)
SCHEMA = parse_label_config(CONFIG, choices="label")


def item(tag, value):
    kind = "choices" if tag == "label" else "textarea"
    return {"from_name": tag, "to_name": "image", "type": kind, "value": {kind: [value]}}


def annotation(number, *items, **values):
    made = {"id": number, "result": list(items), "was_cancelled": False, "ground_truth": False}
    return made | {"completed_by": number, "created_at": f"2026-01-01T00:00:{number:02}Z"} | values


def labelled(*annotations, settled=True, hidden=(), renamed=()):
    body = {"id": 5, "data": {}, "annotations": list(annotations)}
    dog = Label("dog", frozenset({"dog", *renamed}), frozenset(hidden))
    return with_label(body, SCHEMA, dog, settled=settled, new_id=99)["annotations"]


@pytest.mark.parametrize(
    ("choice", "hidden"), [("cat", {"why"}), ("lynx", set()), ("dog", {"fur"})]
)
def test_tags_are_hidden_by_the_choice_that_they_depend_on(choice, hidden):
    assert hidden_tags(CONFIG, "label", choice) == hidden


def test_what_label_studio_counts_for_itself_is_left_out():
    counts = dict.fromkeys(("total_annotations", "cancelled_annotations", "total_predictions"), 3)
    task = {"id": 1, "data": {"a": 1}, "meta": {}, "annotations": [], "inner_id": 4}
    assert importable(task | counts, [], {}, own_versions="x") == task | {"predictions": []}


def test_people_whom_nobody_knows_are_nobody_and_are_told():
    """For one of their numbers Label Studio's import would refuse the whole file."""
    people = [annotation(3), annotation(7), annotation(8, completed_by=None)]
    task = {"id": 1, "data": {}, "annotations": people, "drafts": [{"id": 4}]}
    body = importable(task, [], {3: "c@example.com"}, own_versions="x")
    known = {"id": 3, "email": "c@example.com"}
    assert [a["completed_by"] for a in body["annotations"]] == [known, None, None]
    authorless, drafts = lost_by_importing([body])
    assert authorless.endswith("users who are gone under whoever imports it: 2, in task 1.")
    assert drafts == "Importing this file leaves drafts out: 1, in task 1."


def test_nothing_is_told_where_importing_keeps_everything():
    task = {"id": 1, "data": {}, "annotations": [annotation(3)], "drafts": []}
    body = importable(task, [], {3: "c@example.com"}, own_versions="x")
    assert lost_by_importing([body]) == ()


def test_whoever_filled_in_everything_gives_the_ground_truth():
    first = annotation(1, item("label", "cat"), item("note", "old"))
    short = annotation(2, item("label", "dog"))
    whole = annotation(3, item("label", "dog"), item("note", "new"))
    assert labelled(first, short, whole) == [whole | {"ground_truth": True}, first, short]


def test_what_is_missing_is_taken_from_what_stood_there_first():
    first = annotation(1, item("label", "cat"), item("note", "old"), item("box", "b"))
    half = annotation(2, item("label", "dog"), item("note", "new"))
    made, *others = labelled(first, half)
    assert made["result"] == [item("label", "dog"), item("note", "old"), item("box", "b")]
    assert (made["id"], made["completed_by"], made["ground_truth"]) == (99, 2, True)
    assert made["created_at"] == half["created_at"]
    assert others == [first, half]


def test_tags_that_the_form_hides_are_neither_missed_nor_carried_over():
    first = annotation(1, item("label", "cat"), item("fur", "long"))
    second = annotation(2, item("label", "dog"))
    assert labelled(first, second, hidden={"fur"})[0] == second | {"ground_truth": True}


def test_a_mark_on_an_annotation_that_says_the_label_stays_where_it_is():
    first = annotation(1, item("label", "dog"))
    marked = annotation(2, item("label", "dog"), ground_truth=True)
    assert labelled(first, marked) == [marked, first]


def test_marks_on_other_annotations_are_taken_off_settled_tasks_only():
    wrong = annotation(1, item("label", "cat"), ground_truth=True)
    right = annotation(2, item("label", "dog"))
    marks = [a["ground_truth"] for a in labelled(wrong, right)]
    assert marks == [True, False]
    assert labelled(wrong, right, settled=False) == [right, wrong]


def test_older_annotations_of_the_same_person_stay_before_the_newer_one():
    """Once imported, the one further down is the newer one, and its author's vote."""
    old = annotation(1, item("label", "cat"))
    other = annotation(2, item("label", "dog"), completed_by=7)
    new = annotation(3, item("label", "dog"), completed_by=1)
    assert [a["id"] for a in labelled(old, new)] == [1, 3]
    assert [a["id"] for a in labelled(old, other, new)] == [2, 1, 3]
    noted = annotation(5, item("label", "cat"), item("note", "old"), created_at="2026-01-01")
    made = [(a["id"], a["ground_truth"]) for a in labelled(noted, old, new)]
    assert made == [(1, False), (99, True), (5, False), (3, False)]


def test_who_says_another_label_by_now_is_not_quoted():
    changed = annotation(1, item("label", "dog"))
    again = annotation(2, item("label", "cat"), completed_by=1)
    right = annotation(3, item("label", "dog"))
    assert [a["id"] for a in labelled(changed, again, right)] == [3, 1, 2]
    assert labelled(changed, again) == [changed, again]


def test_a_value_that_means_the_class_is_repeated_by_the_name_of_the_class():
    """Whoever trains on the file knows nothing of the policy."""
    old = annotation(1, item("label", "Dog"), item("note", "old"))
    made, *others = labelled(old, renamed={"Dog"})
    assert (made["result"], made["completed_by"]) == (
        [item("label", "dog"), item("note", "old")],
        1,
    )
    assert others == [old]
    named = annotation(2, item("label", "dog"), item("note", "new"))
    assert labelled(old, named, renamed={"Dog"}) == [named | {"ground_truth": True}, old]
    assert labelled(old, settled=False, renamed={"Dog"}) == [old]


def test_a_skip_says_no_label():
    skipped = annotation(1, item("label", "dog"), was_cancelled=True)
    said = annotation(2, item("label", "dog"))
    assert labelled(skipped, said) == [said | {"ground_truth": True}, skipped]


def test_a_task_in_which_nobody_says_the_label_any_more_stays_as_it_is():
    first = annotation(1, item("label", "cat"), ground_truth=True)
    assert labelled(first) == [first]


def test_a_nested_class_is_put_in_with_the_choices_above_it():
    nested = (
        '<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
        'allowNested="true"><Choice value="pet"><Choice value="cat"/><Choice value="dog"/>'
        "</Choice></Choices></View>"
    )
    hound = Label("dog", frozenset({"dog", "hound"}))
    said = annotation(1, item("label", ["pet", "hound"]))
    task = {"id": 5, "data": {}, "annotations": [said]}
    schema = parse_label_config(nested)
    first = with_label(task, schema, hound, settled=True, new_id=99)["annotations"][0]
    assert first["result"] == [item("label", ["pet", "dog"])]
