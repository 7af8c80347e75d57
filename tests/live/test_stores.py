"""From connecting to consensus and back, on both stores."""

import pytest
from consistency import (
    differences,
    doubled,
    said_in_label_studio,
    said_in_store,
    settings_wrong,
    settled_but_open,
    votes_of,
)
from crowd import Crowd
from leftovers import difference, export_bytes
from postgresql import MissingError
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.queue_state import majority
from relabel.demo.upload import image_name
from stores import STORES, store_environment

pytestmark = [pytest.mark.live, pytest.mark.slow]

POLICY = "window = 10\nretrain_after = 8\naudit_share = 0"


@pytest.fixture(params=STORES)
def store(request):
    try:
        with store_environment(request.param) as environment:
            yield environment
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def connected(make_project, start_backend, store):
    """A project after its first round, its backend, and its export from before connecting."""
    project = make_project(limit=40)
    before = export_bytes(project.label_studio.admin, project.id)
    backend = start_backend(policy=POLICY, extra={**store, "RELABEL_SWEEP_SECONDS": "3"})
    backend.run("connect", "--project", str(project.id), "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=120)
    return project, backend, before


def at_rest(backend, project):
    status = backend.status(project)
    waiting = ("pending_jobs", "round_running", "round_due")
    return not any(status[name] for name in waiting)


def test_votes_become_consensus_and_everything_is_taken_back(connected):
    project, backend, before = connected
    admin = project.label_studio.admin
    old = said_in_label_studio(admin, project.id)
    team = Crowd(
        url=project.label_studio.url,
        project=project.id,
        people=project.label_studio.annotators,
        truth=lambda task: project.truth[image_name(task["data"]["image"])],
    )
    assert len(team.run(12)) == 12
    assert poll(lambda: backend.status(project)["rounds"] >= 2, seconds=120)
    assert poll(lambda: at_rest(backend, project), seconds=120)

    said = said_in_label_studio(admin, project.id)
    assert differences(said_in_store(backend.backend.database(), project.id), said) == []
    assert doubled(said) == []
    assert team.failures == []
    status = backend.status(project)
    agreed = [t for t, v in votes_of(said).items() if len(v) > 1 and majority(v.values())]
    assert status["settled"] == len(agreed)
    assert status["votes"] == 12
    assert settled_but_open(project.queue()) == []
    assert settings_wrong(project.settings(), status["model_version"]) == {}

    while number := backend.status(project)["round"]:
        backend.run("undo", "--project", str(project.id), "--run", f"round-{number}")
    assert not project.settings()["model_version"]
    backend.run("detach", "--project", str(project.id), "--yes")
    assert difference(before, export_bytes(admin, project.id, said.keys() - old.keys())) == ""
    assert api.get(admin, f"/api/projects/{project.id}/model-versions/") == {}


def test_undoing_a_round_leaves_the_export_of_before_it(connected):
    project, backend, _ = connected
    admin = project.label_studio.admin
    assert poll(lambda: at_rest(backend, project), seconds=60)
    first = export_bytes(admin, project.id)
    version = project.settings()["model_version"]
    backend.run("round", "--project", str(project.id))
    assert difference(first, export_bytes(admin, project.id)) != ""
    backend.run("undo", "--project", str(project.id), "--run", "round-2")
    assert project.settings()["model_version"] == version

    def as_before():
        return export_bytes(admin, project.id) == first

    # The worker removes the predictions little by little.
    assert poll(as_before, seconds=240), difference(first, export_bytes(admin, project.id))
