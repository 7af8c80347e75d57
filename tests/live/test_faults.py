"""Processes are killed, and the backend is away, while people annotate a real Label Studio."""

import os
import signal
import subprocess
import threading

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
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.upload import choice, image_name

pytestmark = [pytest.mark.live, pytest.mark.slow]

POLICY = "window = 15\nretrain_after = 8\naudit_share = 0"


@pytest.fixture
def connected(make_project, start_backend):
    """A project of 100 digits and its backend, after the first round."""
    project = make_project(limit=100)
    # What was killed is tried again by the first sweep after a pause.
    backend = start_backend(policy=POLICY, extra={"RELABEL_SWEEP_SECONDS": "5"})
    backend.run("connect", "--project", str(project.id), "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=120)
    return project, backend


def crowd(project, **options):
    return Crowd(
        url=project.label_studio.url,
        project=project.id,
        people=project.label_studio.annotators,
        truth=lambda task: project.truth[image_name(task["data"]["image"])],
        **options,
    )


def children(pid):
    """Return the ids and command lines of the processes that `pid` started."""
    shown = subprocess.run(
        ["ps", "-o", "pid=,command=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (line.strip().partition(" ") for line in shown.stdout.splitlines())
    return {int(number): command for number, _, command in lines}


def await_sound(project, backend, rounds):
    """Wait for so many rounds and for quiet, then compare everything with Label Studio."""

    def quiet():
        status = backend.status(project)
        done = status["rounds"] >= rounds and not status["round_running"]
        return done and not status["pending_jobs"] and not status["round_due"]

    assert poll(quiet, seconds=150, every=0.2), backend.status(project)
    said = said_in_label_studio(project.label_studio.admin, project.id)
    store = said_in_store(backend.backend.database(), project.id)
    assert differences(store, said) == []
    assert doubled(said) == []
    status = backend.status(project)
    assert status["votes"] == len(said) - len(project.tasks)
    assert settings_wrong(project.settings(), status["model_version"]) == {}
    queue = project.queue()
    open_tasks = [number for number, task in queue.tasks.items() if task.is_open]
    assert len(open_tasks) >= 15
    assert settled_but_open(queue) == []
    assert all(task.score is not None for task in queue.tasks.values())


def test_killing_worker_and_round_in_the_middle_of_a_round_loses_and_doubles_nothing(connected):
    project, backend = connected
    before = votes_of(said_in_label_studio(project.label_studio.admin, project.id))
    team = crowd(project)
    assert len(team.run(9)) == 9
    assert poll(lambda: backend.status(project)["round_running"], seconds=60)
    web = backend.server.process.pid
    (worker,) = [pid for pid, command in children(web).items() if " worker " in command]
    (round_,) = [pid for pid, command in children(worker).items() if " round " in command]
    os.kill(worker, signal.SIGKILL)
    os.kill(round_, signal.SIGKILL)
    assert len(team.run(3)) == 3
    assert team.failures == []
    await_sound(project, backend, rounds=2)
    assert team.served_again() == []
    assert team.served_settled(before) == []


def test_killing_the_web_process_in_a_burst_of_annotations_fails_no_annotation(connected):
    project, backend = connected
    before = votes_of(said_in_label_studio(project.label_studio.admin, project.id))
    killed = threading.Event()

    def kill_at_the_fifth(_):
        if len(team.submissions) >= 5 and not killed.is_set():
            killed.set()
            os.kill(backend.server.process.pid, signal.SIGKILL)
            backend.server.process.wait()

    team = crowd(project, on_submission=kill_at_the_fifth)
    assert len(team.run(14)) == 14
    assert killed.is_set()
    assert team.failures == []
    backend.start_again()
    await_sound(project, backend, rounds=2)
    assert team.served_again() == []
    assert team.served_settled(before) == []


def test_what_happens_while_the_backend_is_down_is_repaired_by_its_next_start(connected):
    """Votes, a changed and a deleted annotation, a deleted task, and a person's other settings."""
    project, backend = connected
    admin = project.label_studio.admin
    assert poll(lambda: not backend.status(project)["pending_jobs"], seconds=60)
    backend.server.kill()
    team = crowd(project)
    done = team.run(12)
    assert len(done) == 12
    assert team.failures == []
    people = {person.id: person for person in project.label_studio.annotators}
    changed, deleted = done[0], done[1]
    # Of another task: deleting a task takes all of its annotations along.
    kept = next(s for s in done if s.task not in {changed.task, deleted.task})
    with api.connect(project.label_studio.url, people[changed.annotator].token) as author:
        other = "1" if changed.label == "0" else "0"
        api.patch(author, f"/api/annotations/{changed.annotation}/", {"result": choice(other)})
    admin.delete(f"/api/annotations/{deleted.annotation}/")
    admin.delete(f"/api/tasks/{kept.task}/")
    project.tasks.remove(kept.task)
    api.patch(admin, f"/api/projects/{project.id}/", {"sampling": "Sequential sampling"})
    api.patch(admin, f"/api/projects/{project.id}/", {"maximum_annotations": 3})
    backend.start_again()
    await_sound(project, backend, rounds=2)
    store = said_in_store(backend.backend.database(), project.id)
    assert store[changed.annotation] == (changed.task, changed.annotator, other)
    assert deleted.annotation not in store
    assert kept.annotation not in store
