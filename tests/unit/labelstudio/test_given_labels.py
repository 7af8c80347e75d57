import pytest
from relabel.labelstudio.given_labels import Given, given_label
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import read_task

SCHEMA = LabelSchema(("cat", "dog"), "label", "image", "photo", required=True)


def choice(*names):
    return [{"from_name": "label", "type": "choices", "value": {"choices": list(names)}}]


def from_field(value, field="old"):
    return given_label(
        read_task({"id": 7, "data": {"old": value}}, SCHEMA), SCHEMA, f"data:{field}"
    )


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("dog", "dog"),
        ("Dog ", "Dog "),  # what it may have meant is not for this code to say
        (3, "3"),
        (0, "0"),
        (0.0, "0.0"),
        (True, "true"),
        (False, "false"),
        (["dog"], '["dog"]'),
        ({"label": "dog"}, '{"label": "dog"}'),
    ],
)
def test_a_field_is_told_as_it_stands_there(value, label):
    assert from_field(value) == Given(label)


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_an_empty_field_is_not_a_missing_one(value):
    assert from_field(value) == Given(why='field "old" is empty')
    assert from_field(value, "new") == Given(why='no field "new"')


def test_a_field_may_lie_deeper():
    assert from_field({"label": "dog"}, "old.label") == Given("dog")


def test_a_long_value_is_cut():
    assert len(from_field([{"word": "x" * 1000}]).choice) == 80


def test_without_another_source_there_is_nothing_to_say():
    assert given_label(read_task({"id": 7}, SCHEMA), SCHEMA, "annotations") == Given()


def said(version, *predictions):
    task = read_task({"id": 7, "predictions": list(predictions)}, SCHEMA)
    return given_label(task, SCHEMA, f"predictions:{version}")


def test_a_prediction_of_the_version_counts_whatever_its_score():
    v1 = {"model_version": "v1", "result": choice("cat"), "score": None}
    v2 = {"model_version": "v2", "result": choice("dog"), "score": 0.1}
    assert said("v1", v1, v2) == Given("cat")
    assert said("v2", v1, v2) == Given("dog")


def test_the_newest_with_a_label_counts_in_whatever_order_they_come():
    old = {"model_version": "v", "result": choice("cat"), "created_at": "2026-01-01T00:00:00Z"}
    new = {"model_version": "v", "result": choice("dog"), "created_at": "2026-01-02T00:00:00Z"}
    none = {"model_version": "v", "result": [], "created_at": "2026-01-03T00:00:00Z"}
    assert said("v", none, new, old) == Given("dog")
    first = {"model_version": "v", "result": choice("cat"), "id": 9}
    second = {"model_version": "v", "result": choice("dog"), "id": 10}
    assert said("v", second, first) == Given("dog")


def test_predictions_without_a_version_go_by_the_name_that_label_studio_gives_them():
    assert said("undefined", {"result": choice("cat")}) == Given("cat")
    assert said("undefined", {"model_version": None, "result": choice("cat")}) == Given("cat")


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("v3", 'no prediction of version "v3" (but of undefined, v1, v2)'),
        ("v1", "its prediction holds 2 choices at once"),
        ("v2", "its prediction holds no choice"),
    ],
)
def test_why_there_is_no_label_is_told(version, why):
    found = said(
        version,
        {"model_version": "v1", "result": choice("cat", "dog")},
        {"model_version": "v2", "result": []},
        {"result": choice("cat")},
    )
    assert found == Given(why=why)
    assert said("v1") == Given(why='no prediction of version "v1"')
