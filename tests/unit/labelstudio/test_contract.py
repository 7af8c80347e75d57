import copy

import pytest
from relabel.labelstudio.contract import (
    HEADLINES,
    TAB_TITLE,
    is_tab_title,
    repaired_tab,
    required_settings,
    settings_to_change,
    tab,
    tab_to_change,
    with_notice,
)

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


def test_the_tab_hides_all_but_a_few_columns_and_above_all_the_score():
    """People who label use it, and a score is a hint."""
    hidden = tab(COLUMNS, "photo")["hiddenColumns"]
    score = "tasks:predictions_score"
    assert hidden["explore"] == ["tasks:completed_at", score, "tasks:data.other"]
    assert hidden["labeling"] == hidden["explore"]


@pytest.mark.parametrize("headline", HEADLINES)
def test_the_reason_is_the_first_word_of_the_title_and_the_tab_is_known_again(headline):
    title = tab(COLUMNS, "photo", headline=headline)["title"]
    assert title.split(":")[0] == headline
    assert is_tab_title(title)
    assert is_tab_title(tab(COLUMNS, "photo")["title"])


@pytest.mark.parametrize("title", ["Relabel queue 2", "My Relabel queue", "Paused", ""])
def test_tabs_of_people_are_not_taken_for_our_own(title):
    assert not is_tab_title(title)


def shown(**changes):
    """Return the tab as Label Studio shows it after people have been at it."""
    return copy.deepcopy(tab(COLUMNS, "photo")) | changes


WRONG = {
    "title": {"title": "Monday"},
    "order": {"ordering": ["-tasks:predictions_score"]},
    "no order": {"ordering": []},
    "filter": {"filters": {"conjunction": "and", "items": []}},
    "no filter": {"filters": {}},
    "score column": {"hiddenColumns": {"explore": [], "labeling": ["tasks:predictions_score"]}},
    "no columns": {"hiddenColumns": {}},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_queue_needs_of_the_tab_is_seen_and_repaired(name):
    wanted, found = tab(COLUMNS, "photo"), shown(**WRONG[name])
    assert tab_to_change(found, wanted)
    repaired = repaired_tab(found, wanted)
    assert tab_to_change(repaired, wanted) == {}
    untouched = set(wanted) - set(WRONG[name])
    assert {k: repaired[k] for k in untouched} == {k: found[k] for k in untouched}


def test_what_people_arrange_in_the_tab_is_theirs():
    wanted = tab(COLUMNS, "photo")
    hidden = ["tasks:predictions_score", "tasks:id"]
    found = shown(
        type="grid",
        gridWidth=6,
        columnsWidth={"tasks:id": 400},
        hiddenColumns={"explore": hidden, "labeling": hidden},
        semanticSearch=[],
    )
    found["filters"]["items"][0]["child_filter"] = None
    assert tab_to_change(found, wanted) == {}
    found["title"] = "Monday"
    theirs = ("type", "gridWidth", "columnsWidth", "hiddenColumns", "semanticSearch")
    repaired = repaired_tab(found, wanted)
    assert {k: repaired[k] for k in theirs} == {k: found[k] for k in theirs}


def test_the_filter_is_theirs_where_the_tab_alone_is_ordered():
    wanted = tab(COLUMNS, "photo", queue="view")
    theirs = {"conjunction": "or", "items": [{"filter": "filter:tasks:id", "operator": "equal"}]}
    found = shown(filters=theirs, title="Monday")
    assert set(tab_to_change(found, wanted)) == {"title"}
    assert repaired_tab(found, wanted)["filters"] == theirs


DESCRIPTIONS = (
    "",
    "Digits of the north ward",
    "Two\n\nparagraphs\n",
    "[Relabel] is what we call the second pass",
    "Paused: until Monday",
)


@pytest.mark.parametrize("before", DESCRIPTIONS)
@pytest.mark.parametrize("headline", HEADLINES)
def test_a_description_with_the_reason_begins_with_it_and_loses_nothing(before, headline):
    told = with_notice(before, headline, "as it is.")
    assert told.splitlines()[0] == f"[Relabel] {headline}: as it is."
    assert with_notice(told, headline, "as it is.") == told
    other = with_notice(told, "Stopped", "another reason.")
    assert other.count("[Relabel] ") == 1 + before.count("[Relabel] ")
    for text in (told, other):
        assert with_notice(text, "", "") == before


def test_what_people_write_into_the_description_meanwhile_survives():
    told = with_notice("Digits", "Paused", "until it is resumed.")
    edited = f"Ask Kim first\n{told}\nof the north ward"
    assert with_notice(edited, "", "") == "Ask Kim first\nDigits\nof the north ward"
    assert with_notice(None, "", "") == ""
