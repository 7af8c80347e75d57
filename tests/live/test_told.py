"""What people are told in Label Studio and on the command line, with a real Label Studio."""

from dataclasses import replace

import pytest
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.errors import NotReadyError

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECONDS = 120.0
MINE = "Digits of the north ward\n\nAsk Kim."
SCORE = "tasks:predictions_score"


class Place:
    """One connected project whose queue is filled."""

    def __init__(self, project, backend):
        self.project, self.backend = project, backend
        self.admin = project.label_studio.admin
        self.number = ("--project", str(project.id))

    def run(self, *arguments):
        """Run a command and return what it printed, as one line: terminals break it anywhere."""
        return " ".join(self.backend.run(*arguments, *self.number).split())

    def description(self):
        return self.project.settings()["description"]

    def describe(self, text):
        api.patch(self.admin, f"/api/projects/{self.project.id}/", {"description": text})

    def tabs(self):
        return api.get(self.admin, "/api/dm/views/", project=self.project.id)

    def change_tab(self, **values):
        (tab,) = self.tabs()
        body = {"project": self.project.id, "data": tab["data"] | values}
        api.patch(self.admin, f"/api/dm/views/{tab['id']}/", body)

    def listed(self):
        """Return the scores of the tab's tasks in its own order."""
        (tab,) = self.tabs()
        tasks = api.get(
            self.admin, "/api/tasks", project=self.project.id, view=tab["id"], page_size=100
        )["tasks"]
        return [task["predictions_score"] for task in tasks]


@pytest.fixture(scope="module")
def place(make_project, start_shared_backend):
    project = make_project(limit=40)
    backend = start_shared_backend(
        policy="window = 5\nretrain_after = 1000\naudit_share = 0",
        user="u",
        password="a password",
        # Else a sweep may set right what a test breaks before the doctor has seen it.
        extra={"RELABEL_SWEEP_SECONDS": "3600"},
    )
    place = Place(project, backend)
    place.describe(MINE)
    place.run("connect", "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=SECONDS)
    assert poll(lambda: len(place.listed()) >= 5, seconds=SECONDS)
    return place


def test_the_tab_is_ordered_by_a_score_that_it_does_not_show(place):
    (tab,) = place.tabs()
    assert all(SCORE in columns for columns in tab["data"]["hiddenColumns"].values())
    scores = place.listed()
    assert None not in scores
    assert scores == sorted(scores)
    assert len(set(scores)) > 1


def test_a_tab_that_somebody_changed_is_set_right(place):
    (before,) = place.tabs()
    nothing = {"conjunction": "and", "items": []}
    place.change_tab(
        title="Monday",
        ordering=["tasks:id"],
        filters=nothing,
        hiddenColumns={"explore": [], "labeling": []},
        columnsWidth={"tasks:id": 333},
    )
    assert "title: 'Monday'; order: tasks:id; filter: none; score column: shown" in problems(place)
    place.run("reconcile")
    (after,) = place.tabs()
    for key in ("title", "ordering", "filters"):
        assert after["data"][key] == before["data"][key]
    assert all(SCORE in columns for columns in after["data"]["hiddenColumns"].values())
    assert after["data"]["columnsWidth"] == {"tasks:id": 333}
    place.admin.delete(f"/api/dm/views/{after['id']}/")
    place.run("reconcile")
    (again,) = place.tabs()
    assert again["data"]["title"] == before["data"]["title"]
    assert place.listed() == sorted(place.listed())


def problems(place):
    """Return what the doctor finds wrong, as one line."""
    with pytest.raises(NotReadyError) as found:
        place.backend.run("doctor", *place.number)
    return " ".join(str(found.value).split())


def test_a_pause_is_told_where_people_look_and_taken_back_with_what_they_wrote(place):
    told = place.run("pause")
    assert "Paused: relabelling rests until the project is resumed" in told
    assert place.description().startswith("[Relabel] Paused: ")
    assert place.description().endswith(f"\n{MINE}")
    (tab,) = place.tabs()
    assert tab["data"]["title"] == "Paused: Relabel queue"
    place.describe(f"{place.description()}\nBack on Monday.")
    assert "The project goes on; open: " in place.run("resume")
    assert place.description() == f"{MINE}\nBack on Monday."
    (tab,) = place.tabs()
    assert tab["data"]["title"] == "Relabel queue"
    place.describe(MINE)


def test_a_living_project_is_not_forgotten(place):
    with pytest.raises(NotReadyError) as refused:
        place.backend.run("forget", *place.number, "--yes")
    text = " ".join(str(refused.value).split())
    assert "the ML backend, 2 webhooks, the tab and the predictions of 1 round" in text
    assert place.backend.status(place.project)["rounds"] == 1


def test_a_shell_that_knows_neither_address_nor_password_breaks_nothing(place):
    """The doctor finds the project healthy, and connecting fails without a trace."""
    stranger = replace(place.backend.backend, user="", extra={"RELABEL_URL": "http://127.0.0.1:9"})
    told = " ".join(stranger.run("doctor", *place.number).split())
    assert f"connected at {place.backend.url}" in told
    assert "problem" not in told
    before = traces(place)
    with pytest.raises(NotReadyError, match="Nothing was written"):
        stranger.run("connect", *place.number, "--yes")
    wrong = replace(place.backend.backend, password="another password")
    with pytest.raises(NotReadyError) as failed:
        wrong.run("connect", *place.number, "--yes")
    text = " ".join(str(failed.value).split())
    assert "asks for another password than this shell has" in text
    assert "the connection from before goes on" in text
    assert traces(place) == before
    assert "problem" not in place.run("doctor")


def traces(place):
    """Return what connecting writes."""
    number = place.project.id
    settings = place.project.settings()
    return {
        "webhooks": sorted(
            (h["id"], h["url"], tuple(h["actions"]), str(h["headers"]))
            for h in api.get(place.admin, "/api/webhooks/", project=number)
        ),
        "backends": [
            (b["id"], b["url"], b["auth_method"], b["basic_auth_user"], b["extra_params"])
            for b in api.get(place.admin, "/api/ml", project=number)
        ],
        "tabs": [(v["id"], v["data"]) for v in place.tabs()],
        "settings": {k: settings[k] for k in ("sampling", "maximum_annotations", "model_version")},
    }


def test_a_first_connecting_that_fails_leaves_nothing(place, make_project):
    project = make_project(limit=10)
    admin, number = project.label_studio.admin, ("--project", str(project.id))
    api.patch(
        admin,
        f"/api/projects/{project.id}/",
        {"maximum_annotations": 2, "sampling": "Uniform sampling"},
    )
    other = Place(project, place.backend)
    before = traces(other), project.queue().tasks, project.settings()["model_version"]
    wrong = replace(place.backend.backend, password="another password")
    with pytest.raises(NotReadyError) as failed:
        wrong.run("connect", *number, "--yes")
    assert "Everything was taken back." in " ".join(str(failed.value).split())
    assert (traces(other), project.queue().tasks, project.settings()["model_version"]) == before
    with pytest.raises(NotReadyError, match="not connected"):
        place.backend.run("log", *number)
