"""A forecast for a project that people work on, and what the project then really needs."""

import json

import pytest
from consistency import said_in_label_studio, votes_of
from crowd import Crowd
from reached import votes_to_target
from relabel.demo.annotators import poll

pytestmark = [pytest.mark.live, pytest.mark.slow]

TASKS, PILOT, MORE = 200, 60, 10
FEW_TASKS, FEW_VOTES = 60, 60
TARGET = 0.92


@pytest.fixture
def pilot(make_project, start_backend):
    """Let people answer so often: pilot(tasks, votes) -> project, crowd, given votes, forecast."""

    def run(tasks, votes):
        project = make_project(limit=tasks, noise_rate=0.3)
        studio = project.label_studio
        given = votes_of(said_in_label_studio(studio.admin, project.id))
        backend = start_backend(policy="audit_share = 0.1\nwindow = 30\nretrain_after = 1000")
        backend.run("connect", "--project", str(project.id), "--yes")
        assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=120)
        crowd = Crowd(
            studio.url,
            project.id,
            studio.annotators,
            project.truth_of,
            pause_seconds=0.5,
            idle_seconds=90,
        )
        assert len(crowd.run(votes)) == votes
        assert poll(lambda: backend.status(project)["votes"] == votes, seconds=60)
        options = ("--target", str(TARGET), "--json")
        answer = backend.run("forecast", "--project", str(project.id), *options)
        return project, crowd, given, json.loads(answer)

    return run


def test_a_short_pilot_has_a_forecast(pilot):
    """How good forecasts are is shown by simulated projects, and by the long test below."""
    *_, found = pilot(FEW_TASKS, FEW_VOTES)
    told = found["to_come"]
    assert 0 <= told["votes"]["value"] <= 4 * FEW_TASKS
    assert (told["noise_rate"]["value"] is None) == bool(found["unknown"]), "or it is said why not"


@pytest.mark.long
def test_what_the_pilot_forecasts_is_what_the_project_needs(pilot):
    """Within a factor of two, although the pilot's audit has too few tasks yet."""
    project, crowd, given, answer = pilot(TASKS, PILOT)
    truth = {task["id"]: project.truth_of(task) for task in project.export()}
    found = answer["to_come"]["votes"]["value"]

    needed = None
    while needed is None:
        assert crowd.run(MORE), "the queue is empty before the target is reached"
        needed = votes_to_target(crowd.submissions, given, truth, TARGET)
    assert found / 2 <= needed - PILOT <= 2 * found
