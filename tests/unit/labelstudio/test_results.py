import pytest
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.results import Said, read_result
from relabel.storage.annotations import Kind

SCHEMA = LabelSchema(("cat", "dog"), "label", "image", "photo", required=True)


def entry(choices, from_name="label"):
    return {"from_name": from_name, "type": "choices", "value": {"choices": choices}}


@pytest.mark.parametrize(
    "result",
    [
        [entry(["cat"])],
        [entry([["cat"]])],
        [entry([["pet", "cat"]])],
        [entry([["pet"], ["pet", "cat"]])],
        [entry(["cat"]), entry(["cat"])],
        [entry(["dog"], from_name="other"), entry(["cat"]), None, "dog"],
    ],
)
def test_one_choice_is_a_label_however_it_is_written(result):
    assert read_result(result, SCHEMA) == Said(Kind.LABEL, "cat")


@pytest.mark.parametrize(
    "result",
    [
        [],
        None,
        "cat",
        {},
        [entry(["cat"], from_name="other")],
        [entry([])],
        [entry([""])],
        [entry([[]])],
        [entry([["pet", ""]])],
    ],
)
def test_nothing_chosen_is_empty(result):
    assert read_result(result, SCHEMA) == Said(Kind.EMPTY)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ([entry(["cat", "dog"])], "2 choices at once"),
        ([entry(["cat"]), entry(["dog"])], "2 choices at once"),
        ([entry([["pet"], ["pet", "cat"], ["pet", "dog"]])], "2 choices at once"),
        ([entry(["pet", "cat", "dog"])], "3 choices at once"),
        ([{"from_name": "label", "value": {"rating": 3}}], "no list of choices"),
        ([{"from_name": "label"}], "no list of choices"),
        ([entry("cat")], "no list of choices"),
        ([entry([5])], "a choice that is no text"),
        ([entry([["pet", None]])], "a choice that is no text"),
        ([entry([{"cat": 1}])], "a choice that is no text"),
    ],
)
def test_what_cannot_be_read_says_why(result, why):
    assert read_result(result, SCHEMA) == Said(Kind.UNREADABLE, why=why)
