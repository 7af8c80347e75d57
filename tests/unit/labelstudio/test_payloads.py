import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.errors import PayloadError
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import (
    field,
    person,
    project_id,
    read_annotation,
    read_task,
)
from relabel.storage.annotations import Kind

SCHEMA = LabelSchema(("cat", "dog"), "label", "image", "photo", required=True)
EARLY, LATE = "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"


def choice(*names, from_name="label"):
    return {"from_name": from_name, "type": "choices", "value": {"choices": list(names)}}


def annotation(**values):
    return {
        "id": 4,
        "task": 7,
        "completed_by": 3,
        "updated_by": 3,
        "result": [choice("cat")],
        "was_cancelled": False,
        "created_at": LATE,
        "updated_at": LATE,
    } | values


def read(**values):
    return read_annotation(annotation(**values), SCHEMA, connected_at=EARLY)


@pytest.mark.parametrize("value", [22, "22", "22.1795226729", {"id": 22, "title": "x"}])
def test_a_project_is_named_in_several_ways(value):
    assert project_id({"project": value}) == 22


@pytest.mark.parametrize(
    "value", [None, "", "x.1", "-1", 0, -3, True, 2**40, "9" * 30, "٣", [], {}, {"id": None}, 1.5]
)
def test_anything_else_is_no_project(value):
    with pytest.raises(PayloadError, match=r"body\.project: expected a project id"):
        project_id({"project": value})


@pytest.mark.parametrize("body", [None, [], "text", 3, {}])
def test_a_missing_field_is_named_whatever_the_body_is(body):
    with pytest.raises(PayloadError, match=r"annotation\.id: expected int, got NoneType"):
        field(body, "id", int, where="annotation")


@pytest.mark.parametrize("value", [True, "4", 4.0, None, 0, -1, 2**31, 10**30])
def test_what_is_no_id_is_refused(value):
    """Numbers that the store cannot hold are no ids either."""
    with pytest.raises(PayloadError, match=r"task\.id: expected"):
        field({"id": value}, "id", int, where="task")


@pytest.mark.parametrize(
    ("value", "name"), [(3, "3"), ({"id": 3, "email": "a@b"}, "3"), (None, "")]
)
def test_people_are_numbers_or_objects(value, name):
    assert person(value) == name


def test_one_choice_is_a_label():
    found = read()
    assert (found.kind, found.choice) == (Kind.LABEL, "cat")
    assert (found.annotation_id, found.task_id, found.annotator) == (4, 7, "3")


@pytest.mark.parametrize(
    ("values", "kind", "choice"),
    [
        ({"result": []}, Kind.EMPTY, ""),
        ({"result": [choice("cat", from_name="other")]}, Kind.EMPTY, ""),
        ({"was_cancelled": True}, Kind.CANCELLED, ""),
        ({"result": [choice("cat", "dog")]}, Kind.UNREADABLE, "2 choices at once"),
    ],
)
def test_everything_but_one_choice_is_no_label_and_says_why(values, kind, choice):
    found = read(**values)
    assert (found.kind, found.choice) == (kind, choice)


def test_results_of_other_tags_do_not_hide_the_choice():
    other = {"from_name": "note", "type": "textarea", "value": {"text": ["hm"]}}
    assert read(result=[other, choice("dog"), other]).choice == "dog"


def test_a_choice_that_is_no_class_is_kept_as_it_is():
    """Whether it is a class may change with the labelling config."""
    assert read(result=[choice("bird")]).choice == "bird"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (annotation(id=None), "annotation.id"),
        (annotation(task="7"), "annotation.task"),
        (annotation(created_at="yesterday"), "annotation.created_at"),
        (annotation(updated_at="2026-13-01"), "annotation.updated_at"),
        ("text", "annotation"),
    ],
)
def test_a_broken_annotation_names_the_field(body, name):
    with pytest.raises(PayloadError, match=name):
        read_annotation(body, SCHEMA, connected_at=EARLY)


@pytest.mark.parametrize(
    ("connected_at", "task_created_at", "initial"),
    [
        (EARLY, "", False),
        (LATE, "", True),
        ("", EARLY, False),
        (EARLY, EARLY, False),
        ("", LATE, True),
        ("", "2026-01-31T23:59:45Z", True),
        ("", "2026-01-31T23:59:30Z", False),
        ("", "2026-02-01T00:59:50+01:00", True),
        ("", "nonsense", False),
    ],
)
def test_labels_from_before_and_labels_imported_with_their_task_are_initial(
    connected_at, task_created_at, initial
):
    found = read_annotation(
        annotation(), SCHEMA, connected_at=connected_at, task_created_at=task_created_at
    )
    assert found.initial is initial


def test_whoever_else_changed_an_annotation_after_it_was_made_is_its_editor():
    later = "2026-02-01T00:00:00.390000Z"
    assert read(updated_by=5, updated_at=later).editor == "5"
    assert read(updated_by=3, updated_at=later).editor == ""
    assert read(updated_by=None, updated_at=later).editor == ""


def test_whoever_makes_an_annotation_in_somebody_elses_name_is_no_editor():
    """Both times are taken a moment apart."""
    assert read(updated_by=5).editor == ""
    assert read(updated_by=5, updated_at="2026-02-01T00:00:00.013900Z").editor == ""
    assert read(updated_by=5, created_at="").editor == ""


def test_a_task_is_read_from_any_listing():
    task = read_task(
        {"id": 7, "data": {"photo": "/a.png"}, "overlap": 2, "is_labeled": True}, SCHEMA
    )
    assert (task.task_id, task.image, task.overlap, task.is_labeled) == (7, "/a.png", 2, True)
    assert (task.images, task.image_problem) == (1, "")
    short = read_task({"id": 7, "annotations": [annotation(), None, 3]}, SCHEMA)
    assert (short.image, short.overlap, short.is_labeled) == ("", None, None)
    assert len(short.annotations) == 1


@pytest.mark.parametrize(
    ("data", "problem", "images"),
    [
        (None, 'task.data has no field "photo"', 0),
        ([], 'task.data has no field "photo"', 0),
        ({"photo": 3}, "task.data.photo is the number 3, no address", 0),
        ({"photo": ["/a.png", "/b.png"]}, 'value="$photo" holds 2 images', 2),
    ],
)
def test_a_task_without_usable_address_says_why(data, problem, images):
    task = read_task({"id": 7, "data": data}, SCHEMA)
    assert (task.image, task.images) == ("", images)
    assert task.image_problem.startswith(problem)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(annotation(), JSON))


@given(FIELDS)
def test_any_json_is_an_annotation_or_a_payload_error(values):
    try:
        found = read_annotation(annotation() | values, SCHEMA, connected_at=EARLY)
    except PayloadError:
        return
    assert 0 < found.annotation_id < 2**31
