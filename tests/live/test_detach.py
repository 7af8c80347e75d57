"""Connecting previews what it does, and detaching gives the project back as it was."""

import csv
import json

import pytest
from crowd import Crowd
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.servers.label_studio import Administrator, start_label_studio
from relabel.demo.servers.processes import free_port
from relabel.demo.upload import create_project, image_name
from relabel.labelstudio.client import LabelStudio
from relabel.service.queue.counters import repair_prediction_counts
from snapshots import snapshot

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def lived_in(make_project):
    """A project that its people have set up in their own way."""
    project = make_project(limit=60)
    admin = project.label_studio.admin
    rows = [
        {"task": task, "result": [], "score": 0.5, "model_version": "theirs"}
        for task in project.tasks[:20]
    ]
    api.post(admin, f"/api/projects/{project.id}/import/predictions", rows)
    path = f"/api/projects/{project.id}/"
    api.patch(admin, path, {"show_collab_predictions": False, "model_version": "theirs"})
    api.patch(admin, path, {"maximum_annotations": 2, "sampling": "Uniform sampling"})
    api.patch(admin, f"/api/tasks/{project.tasks[0]}/", {"overlap": 4, "is_labeled": False})
    api.patch(admin, f"/api/tasks/{project.tasks[1]}/", {"overlap": 1, "is_labeled": True})
    hook = {"url": "http://127.0.0.1:9/hook", "project": project.id, "is_active": False}
    api.post(admin, "/api/webhooks/", {**hook, "send_for_all_actions": True})
    tab = {"title": "Theirs", "type": "list", "ordering": ["tasks:id"]}
    api.post(admin, "/api/dm/views/", {"project": project.id, "data": tab})
    return project


def test_a_dry_run_writes_nothing(lived_in, start_backend):
    backend = start_backend()
    before = snapshot(lived_in)
    printed = backend.run("connect", "--project", str(lived_in.id), "--dry-run")
    assert "Uncertainty sampling" in printed
    assert backend.url in printed
    assert snapshot(lived_in) == before
    with pytest.raises(Exception, match="not connected"):
        backend.status(lived_in)


def test_detach_restores_everything_but_peoples_annotations(lived_in, start_backend, tmp_path):
    project, backend = lived_in, start_backend(policy="window = 10\nretrain_after = 8")
    before = snapshot(project)
    number = ("--project", str(project.id))
    backend.run("connect", *number, "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=120)
    team = Crowd(
        url=project.label_studio.url,
        project=project.id,
        people=project.label_studio.annotators,
        truth=lambda task: project.truth[image_name(task["data"]["image"])],
    )
    assert len(team.run(10)) == 10
    assert poll(lambda: backend.status(project)["rounds"] >= 2, seconds=120)
    during = snapshot(project)
    for part in ("settings", "queue", "predictions", "webhooks", "backends", "tabs"):
        assert during[part] != before[part], part

    printed = " ".join(backend.run("detach", *number, "--yes").split())
    assert "never exported" in printed or "No label was corrected" in printed

    after = snapshot(project)
    new = {one.annotation for one in team.submissions}
    assert after["annotations"].keys() - before["annotations"].keys() == new
    for annotation in new:
        del after["annotations"][annotation]
    for one in team.submissions:
        # As many people as were asked for: Label Studio would have closed this task as well.
        overlap, is_labeled = before["queue"][one.task]
        people = 1 + sum(other.task == one.task for other in team.submissions)
        before["queue"][one.task] = (overlap, is_labeled or people >= overlap)
    if before["settings"].get("state"):
        # With every submission Label Studio works it out from all tasks; one was open before.
        before["settings"]["state"] = "IN_PROGRESS"
    for part in before:
        assert after[part] == before[part], part

    out = tmp_path / "labels.csv"
    printed = " ".join(backend.run("export", *number, "--out", str(out)).split())
    assert "was detached on" in printed
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {int(row["task_id"]) for row in rows} == set(project.tasks)
    voted = {one.task for one in team.submissions}
    assert all(len(json.loads(row["votes"])) > 1 for row in rows if int(row["task_id"]) in voted)


def test_an_unlabelled_task_that_was_labelled_meanwhile_stays_labelled(make_project, start_backend):
    """Otherwise Label Studio would ask for the same label once more."""
    project, backend = make_project(limit=60), start_backend()
    admin = project.label_studio.admin
    fresh = project.tasks[0]
    (old,) = api.get(admin, f"/api/tasks/{fresh}/annotations/")
    admin.delete(f"/api/annotations/{old['id']}/")
    assert api.get(admin, f"/api/tasks/{fresh}/")["is_labeled"] is False
    backend.run("connect", "--project", str(project.id), "--yes")
    project.annotate(project.label_studio.annotators[0], fresh, "3")
    backend.run("detach", "--project", str(project.id), "--yes")
    assert api.get(admin, f"/api/tasks/{fresh}/")["is_labeled"] is True


def test_a_project_with_a_state_is_completed_again(make_project, start_backend):
    """Though a person's label met tasks that stood open for relabelling alone."""
    project, backend = make_project(limit=60), start_backend()
    if not project.settings().get("state"):
        pytest.skip("Label Studio keeps no states of projects: make test-flags")
    assert project.settings()["state"] == "COMPLETED"
    backend.run("connect", "--project", str(project.id), "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=120)
    queue = snapshot(project)["queue"]
    still_open = [task for task, (_, is_labeled) in queue.items() if not is_labeled]
    project.annotate(project.label_studio.annotators[0], still_open[0], "3")
    assert project.settings()["state"] == "IN_PROGRESS"
    backend.run("detach", "--project", str(project.id), "--yes")
    assert project.settings()["state"] == "COMPLETED"


@pytest.mark.usefixtures("label_studio")  # says where none is installed
def test_predictions_are_counted_again_though_label_studio_has_stopped_counting(
    label_studio_bin, tmp_path
):
    """In a Label Studio of its own: deleting a project changes it for everybody until its end."""
    administrator = Administrator("admin@example.com", "admin-password", "a" * 40)
    server = start_label_studio(
        label_studio_bin, tmp_path, port=free_port(0), administrator=administrator
    )
    try:
        with api.connect(server.url, administrator.token) as admin:
            doomed, project = create_project(admin, "Doomed"), create_project(admin, "Digits")
            for number in (doomed, project):
                bodies = [{"data": {"image": f"/data/{i}.png"}} for i in range(3)]
                api.post(admin, f"/api/projects/{number}/import", bodies)
            admin.delete(f"/api/projects/{doomed}/")
            client = LabelStudio(server.url, administrator.token)
            tasks = [task["id"] for task in client.task_states(project)]
            rows = [
                {"task": task, "result": [], "score": 0.5, "model_version": version}
                for task in tasks
                for version in ("ours", "theirs")
            ]
            assert client.import_predictions(project, rows) == len(rows)
            client.delete_model_version(project, "ours")
            repair_prediction_counts(client, project)
            assert client.miscounted_predictions(project) == {}
            shown = {task: client.task(task)["total_predictions"] for task in tasks}
            client.close()
    finally:
        server.stop()
    assert shown == dict.fromkeys(tasks, 1)
