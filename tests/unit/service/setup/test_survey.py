"""What `relabel connect` finds before it writes anything."""

import pytest
from fake_label_studio import result
from relabel.errors import NotReadyError
from relabel.service.connected import open_connected
from relabel.service.setup.connect import plan_connect
from relabel.service.setup.survey import check_minimum, survey_project

LABELS = ["cat", "cat", "dog", "dog", None]


def surveyed(context, number, params=None):
    plan = plan_connect(context, number, params)
    return survey_project(context, open_connected(context.settings, plan.project))


def test_a_survey_writes_nothing(context, fake):
    number = fake.add_project(LABELS)
    fake.requests.clear()
    surveyed(context, number)
    assert {method for method, _, _ in fake.requests} == {"GET"}


def test_it_says_what_would_be_used(context, fake):
    number = fake.add_project(LABELS)
    lines = surveyed(context, number).lines()
    assert lines[0] == "5 tasks: 4 waiting, 1 left out"
    assert "4 labels: 4 from annotations by 1 person" in lines


def test_other_sources_of_labels_are_named_with_the_key_to_set(context, fake):
    number = fake.add_project([None] * 4)
    for task, old in zip(fake.tasks.values(), ("cat", "Dog", "dog", "bird"), strict=True):
        task["data"] |= {"old": old, "note": f"picture {task['id']}"}
        fake.predictions[task["id"]] = {
            "id": task["id"],
            "task": task["id"],
            "project": number,
            "model_version": "yolo-3",
            "result": result(["cat"]),
            "score": 0.5,
        }
    text = "\n".join(surveyed(context, number).lines())
    assert "4 predictions of version 'yolo-3' (set initial = \"predictions:yolo-3\")" in text
    assert "4 values of the field 'old', 3 of them classes as they are" in text
    assert 'set initial = "data:old"' in text
    assert "note" not in text


def test_a_mapping_is_offered_for_labels_that_look_like_a_class(context, fake):
    number = fake.add_project(["cat", "cat", "dog", "dog", "Dog", "bird "])
    text = surveyed(context, number).lines()[-1]
    assert text.endswith('classes = {"Dog" = "dog", "bird " = "bird"}')
    with_it = surveyed(context, number, 'classes = {"Dog" = "dog", "bird " = "bird"}')
    assert not with_it.accounts.book("labels").left_out


@pytest.mark.parametrize(
    "labels", [[None] * 5, ["cat"] * 5, ["cat", "cat", "dog"], ["Cat", "Cat", "Dog", "Dog"]]
)
def test_too_few_labels_are_refused_with_what_is_missing(context, fake, labels):
    number = fake.add_project(labels)
    with pytest.raises(NotReadyError, match="at least two classes need 2 labelled tasks each"):
        check_minimum(surveyed(context, number))


def test_a_misspelt_field_is_refused_with_the_one_that_holds_labels(context, fake):
    number = fake.add_project([None] * 4)
    for task, old in zip(fake.tasks.values(), ("cat", "cat", "dog", "dog"), strict=True):
        task["data"]["old"] = old
    with pytest.raises(NotReadyError, match='set initial = "data:old"'):
        check_minimum(surveyed(context, number, 'initial = "data:odl"'))
    check_minimum(surveyed(context, number, 'initial = "data:old"'))


def test_it_says_why_tasks_have_no_label_in_the_named_source(context, fake):
    number = fake.add_project([None] * 5)
    first, second, *_ = fake.tasks.values()
    first["data"]["old"], second["data"]["old"] = "cat", ""
    lines = surveyed(context, number, 'initial = "data:old"').lines()
    assert 'data:old gives no label of 3 tasks: no field "old"' in lines
    assert 'data:old gives no label of 1 task: field "old" is empty' in lines


def test_it_says_which_predictions_hold_no_label(context, fake):
    number = fake.add_project()
    said = {"model_version": "v1", "result": result(["cat"]), "score": 0.5}
    fake.import_tasks(
        number,
        [
            {"predictions": [said]},
            {"predictions": [said | {"result": []}]},
            {"predictions": [said | {"result": result(["cat", "dog"])}]},
        ],
    )
    lines = surveyed(context, number, 'initial = "predictions:v1"').lines()
    assert "predictions:v1 gives no label of 1 task: its prediction holds no choice" in lines
    assert (
        "predictions:v1 gives no label of 1 task: its prediction holds 2 choices at once" in lines
    )
