import pytest
from relabel.labelstudio.contract import TAB_TITLE, required_settings, settings_to_change, tab

RIGHT = {
    "sampling": "Uncertainty sampling",
    "maximum_annotations": 1,
    "show_collab_predictions": True,
    "model_version": "relabel-3-abc",
    "title": "mine",
}


def test_right_settings_are_left_alone():
    assert settings_to_change(RIGHT, "relabel-3-abc") == {}


@pytest.mark.parametrize(
    ("key", "value"), [("sampling", "Sequential sampling"), ("maximum_annotations", 3)]
)
def test_one_wrong_setting_is_set_back(key, value):
    changes = settings_to_change(RIGHT | {key: value}, "relabel-3-abc")
    assert changes[key] == RIGHT[key]


@pytest.mark.parametrize("change", [{"model_version": ""}, {"show_collab_predictions": False}])
def test_version_and_visibility_travel_together(change):
    """Label Studio wipes the version when it gets the other one alone."""
    changes = settings_to_change(RIGHT | change, "relabel-3-abc")
    assert changes == {"model_version": "relabel-3-abc", "show_collab_predictions": True}


def test_without_a_round_the_version_is_left_alone():
    assert settings_to_change(RIGHT | {"model_version": "theirs"}, "") == {}
    assert "model_version" not in required_settings("")


def test_changing_twice_is_changing_once():
    wrong = {"sampling": "Uniform sampling"}
    right = wrong | settings_to_change(wrong, "v")
    assert settings_to_change(right, "v") == {}


COLUMNS = [
    {"id": "id", "target": "tasks"},
    {"id": "completed_at", "target": "tasks"},
    {"id": "predictions_score", "target": "tasks"},
    {"id": "data", "target": "tasks"},
    {"id": "photo", "target": "tasks", "parent": "data"},
    {"id": "other", "target": "tasks", "parent": "data"},
]


def test_the_tab_shows_open_tasks_the_most_suspicious_first():
    data = tab(COLUMNS, "photo")
    assert data["title"] == TAB_TITLE
    assert data["ordering"] == ["tasks:predictions_score"]
    (item,) = data["filters"]["items"]
    assert (item["filter"], item["operator"]) == ("filter:tasks:completed_at", "empty")


def test_the_tab_hides_all_but_a_few_columns():
    hidden = tab(COLUMNS, "photo")["hiddenColumns"]
    assert hidden["explore"] == hidden["labeling"] == ["tasks:completed_at", "tasks:data.other"]
