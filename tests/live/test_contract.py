"""What the queue relies on in a real Label Studio, and what a real Label Studio shows of us.

The tests share one project after its first round, and each leaves it in working order.
"""

from dataclasses import replace

import pytest
from consistency import (
    differences,
    said_in_label_studio,
    said_in_store,
    settings_wrong,
)
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.digits import CLASSES
from relabel.demo.upload import choice
from relabel.errors import LabelStudioError, NotFoundError, NotReadyError

pytestmark = [pytest.mark.live, pytest.mark.slow]

WINDOW = 6
SECONDS = 90.0


class Bench:
    """One project and its backend, with short words for what the tests do."""

    def __init__(self, project, backend):
        self.project = project
        self.backend = backend
        self.admin = project.label_studio.admin
        self.people = project.label_studio.annotators

    def status(self):
        return self.backend.status(self.project)

    def await_quiet(self):
        def quiet():
            status = self.status()
            return not status["pending_jobs"] and not status["round_running"]

        assert poll(quiet, seconds=SECONDS), self.status()

    def next_task(self, person):
        with api.connect(self.project.label_studio.url, person.token) as client:
            body = {"project": str(self.project.id)}
            try:
                return api.post(
                    client, "/api/dm/actions", body, id="next_task", project=self.project.id
                )["id"]
            except NotFoundError:
                return None

    def submit(self, person, task, **body):
        with api.connect(self.project.label_studio.url, person.token) as client:
            return api.post(client, f"/api/tasks/{task}/annotations/", {"lead_time": 1.0, **body})

    def given(self, task):
        """Return the old label of a task."""
        votes = self.project.queue().tasks[task].votes
        return votes[self.project.label_studio.original]

    def other(self, task):
        """Return a class that is not the old label."""
        return next(name for name in CLASSES if name != self.given(task))

    def task(self, number):
        return api.get(self.admin, f"/api/tasks/{number}/")

    def open_tasks(self):
        return [n for n, task in self.project.queue().tasks.items() if task.is_open]

    def patch_project(self, **values):
        api.patch(self.admin, f"/api/projects/{self.project.id}/", values)

    def settings_right(self):
        return not settings_wrong(self.project.settings(), self.status()["model_version"])

    def assert_same_annotations(self):
        said = said_in_label_studio(self.admin, self.project.id)
        store = said_in_store(self.backend.backend.database(), self.project.id)
        assert differences(store, said) == []


@pytest.fixture(scope="module")
def bench(make_project, start_shared_backend):
    project = make_project(limit=80)
    policy = f"window = {WINDOW}\nretrain_after = 1000\naudit_share = 0"
    backend = start_shared_backend(policy=policy, user="someone", password="secret words")
    backend.run("connect", "--project", str(project.id), "--yes")
    bench = Bench(project, backend)
    assert poll(lambda: bench.status()["rounds"] >= 1, seconds=SECONDS)
    bench.await_quiet()
    return bench


@pytest.fixture
def best(bench):
    """The task at the head of the first annotator's queue, freed from locks by its submission."""
    bench.await_quiet()
    task = bench.next_task(bench.people[0])
    assert task is not None
    return task


def test_doctor_finds_nothing_wrong_with_a_connected_project(bench):
    bench.await_quiet()
    assert "problem" not in bench.backend.run("doctor", "--project", str(bench.project.id))


def test_exactly_the_active_versions_lowest_score_is_served(bench):
    """Scores of another version say the opposite and count for nothing."""
    queue = bench.project.queue()
    decoys = [
        {"task": n, "result": [], "score": 1 - task.score, "model_version": "decoy"}
        for n, task in queue.tasks.items()
    ]
    path = f"/api/projects/{bench.project.id}/import/predictions"
    assert api.post(bench.admin, path, decoys)["created"] == len(decoys)
    order = sorted(bench.open_tasks(), key=lambda n: queue.tasks[n].score)
    assert len(order) == WINDOW
    everything = sorted(queue.tasks, key=lambda n: queue.tasks[n].score)
    assert order == everything[:WINDOW]
    assert bench.next_task(bench.people[0]) == order[0]


def test_who_holds_a_task_keeps_it_and_others_get_the_next_ones(bench):
    queue = bench.project.queue()
    order = sorted(bench.open_tasks(), key=lambda n: queue.tasks[n].score)
    assert [bench.next_task(person) for person in bench.people] == order[:3]
    assert [bench.next_task(person) for person in bench.people] == order[:3]


def test_agreement_settles_a_task_and_the_window_is_topped_up(bench, best):
    bench.submit(bench.people[0], best, result=choice(bench.given(best)))
    bench.await_quiet()
    task = bench.task(best)
    assert (task["is_labeled"], task["overlap"]) == (True, 2)
    assert bench.status()["settled"] == 1
    assert len(bench.open_tasks()) >= WINDOW
    assert best not in bench.open_tasks()


def test_disagreement_opens_a_task_for_exactly_one_other_person(bench, best):
    first, others = bench.people[0], bench.people[1:]
    label = bench.other(best)
    bench.submit(first, best, result=choice(label))
    bench.await_quiet()
    task = bench.task(best)
    assert (task["is_labeled"], task["overlap"]) == (False, 3)
    assert first.id in bench.project.queue().tasks[best].seen_by
    assert bench.next_task(first) != best
    # Whoever is free next gets it: a contested task comes first.
    for person in others:
        held = bench.next_task(person)
        if held != best:
            bench.submit(person, held, result=choice(bench.given(held)))
            bench.await_quiet()
            held = bench.next_task(person)
        if held == best:
            bench.submit(person, best, result=choice(label))
            break
    bench.await_quiet()
    assert bench.task(best)["is_labeled"] is True
    assert bench.status()["corrected"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": "Sequential sampling"},
        {"model_version": "decoy"},
        {"show_collab_predictions": False},
        {"maximum_annotations": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_settings_that_a_person_changes_are_set_back_once(bench, change):
    bench.patch_project(**change)
    assert poll(bench.settings_right, seconds=SECONDS, every=0.2)
    bench.await_quiet()
    assert poll(lambda: len(bench.open_tasks()) >= WINDOW, seconds=SECONDS)
    bench.await_quiet()
    events = bench.status()["events"]
    # Our own writes come back as events; were they answered by more writes, this would go on.
    assert not poll(lambda: bench.status()["events"] > events, seconds=2.0)
    assert bench.settings_right()


def test_predictions_that_a_person_deletes_are_written_again(bench):
    """All of the active version, which Label Studio then forgets, or a few of them."""
    version = bench.status()["model_version"]
    scores = {n: task.score for n, task in bench.project.queue().tasks.items()}
    path = f"/api/projects/{bench.project.id}/model-versions/"
    bench.admin.request("DELETE", path, json={"model_version": version})
    assert not bench.settings_right()
    bench.backend.run("reconcile", "--project", str(bench.project.id))
    assert bench.settings_right()
    assert {n: task.score for n, task in bench.project.queue().tasks.items()} == scores
    few = api.get(bench.admin, "/api/predictions/", project=bench.project.id)
    mine = [one["id"] for one in few if one["model_version"] == version][:3]
    for number in mine:
        bench.admin.delete(f"/api/predictions/{number}/")
    bench.backend.run("reconcile", "--project", str(bench.project.id))
    assert {n: task.score for n, task in bench.project.queue().tasks.items()} == scores
    assert api.get(bench.admin, path)[version] == len(scores)


@pytest.mark.parametrize(
    "body",
    [
        {"result": []},
        {"result": choice("elephant")},
        {"result": choice("1"), "was_cancelled": True},
    ],
    ids=["empty", "unknown class", "skipped"],
)
def test_what_names_no_class_is_no_vote_and_leaves_the_task_to_others(bench, best, body):
    votes = bench.status()["votes"]
    made = bench.submit(bench.people[0], best, **body)
    bench.await_quiet()
    bench.assert_same_annotations()
    assert bench.status()["votes"] == votes
    assert best in bench.open_tasks()
    assert bench.next_task(bench.people[0]) != best
    if body["result"] == choice("elephant"):
        assert bench.status()["unknown_choices"] == ["elephant"]
    bench.admin.delete(f"/api/annotations/{made['id']}/")
    bench.await_quiet()
    assert bench.status()["unknown_choices"] == []


def test_a_deleted_annotation_takes_its_vote_back(bench, best):
    votes = bench.status()["votes"]
    made = bench.submit(bench.people[0], best, result=choice(bench.given(best)))
    bench.await_quiet()
    assert bench.status()["votes"] == votes + 1
    assert best not in bench.open_tasks()
    bench.admin.delete(f"/api/annotations/{made['id']}/")
    assert poll(lambda: bench.status()["votes"] == votes, seconds=SECONDS)
    bench.await_quiet()
    bench.assert_same_annotations()
    assert best in bench.open_tasks()


def test_a_deleted_task_is_forgotten_and_the_queue_goes_on(bench, best):
    tasks = bench.status()["tasks"]
    bench.admin.delete(f"/api/tasks/{best}/")
    assert poll(lambda: bench.status()["tasks"] == tasks - 1, seconds=SECONDS)
    bench.await_quiet()
    assert len(bench.open_tasks()) >= WINDOW
    assert bench.next_task(bench.people[0]) not in (None, best)


def test_start_training_runs_a_round_that_leaves_out_what_has_no_image(bench):
    """The button in Label Studio's settings; a missing and an undecodable image stop nothing."""
    rounds, tasks = bench.status()["rounds"], bench.status()["tasks"]
    old = {"result": choice("3"), "completed_by": bench.project.label_studio.original}
    broken = f"/api/projects/{bench.project.id}/import"
    bench.admin.post(
        broken,
        files={"file": ("broken.png", b"\x89PNG no image", "image/png")},
        params={"commit_to_project": "false"},
    )
    uploads = api.get(bench.admin, f"/api/projects/{bench.project.id}/file-uploads", all="true")
    (stored,) = [u["file"] for u in uploads if u["file"].endswith("broken.png")]
    images = [f"/data/{stored}", f"/data/upload/{bench.project.id}/missing.png"]
    api.post(
        bench.admin,
        broken,
        [
            {"data": {"image": image}, "annotations": [{**old, "ground_truth": False}]}
            for image in images
        ],
    )
    assert poll(lambda: bench.status()["tasks"] == tasks + 2, seconds=SECONDS)
    bench.await_quiet()
    # Without a score they would be served before all others.
    scores = {n: task.score for n, task in bench.project.queue().tasks.items()}
    assert sorted(n for n, score in scores.items() if score == 1.0)[-2:] == sorted(scores)[-2:]
    assert None not in scores.values()
    (backend,) = api.get(bench.admin, "/api/ml", project=bench.project.id)
    bench.admin.post(f"/api/ml/{backend['id']}/train")
    assert poll(lambda: bench.status()["rounds"] == rounds + 1, seconds=SECONDS)
    bench.await_quiet()
    assert bench.status()["left_out"] == 2
    # 500 is what Label Studio answers for an upload that it does not know.
    with pytest.raises(NotReadyError, match=r"last\s+round\s+left\s+out.*\s+answered\s+500"):
        bench.backend.run("doctor", "--project", str(bench.project.id))
    # A round counts as published a moment before Label Studio is switched to it.
    assert poll(bench.settings_right, seconds=SECONDS)
    assert len(bench.open_tasks()) >= WINDOW
    assert bench.next_task(bench.people[0]) is not None


def test_label_studio_shows_why_a_labelling_config_is_refused(bench):
    """Through the reason phrase of /setup: the only words of ours that it passes on."""
    config = '<View><Text name="t" value="$text"/><TextArea name="a" toName="t"/></View>'
    body = {"title": "Texts", "label_config": config}
    number = api.post(bench.admin, "/api/projects/", body)["id"]
    backend = {
        "project": number,
        "url": bench.backend.url,
        "title": "Relabel",
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": "someone",
        "basic_auth_pass": "secret words",
    }
    with pytest.raises(LabelStudioError, match=r"answered 400: .*has no &lt;Choices&gt; tag"):
        api.post(bench.admin, "/api/ml", backend)
    params = {**backend, "project": bench.project.id, "extra_params": "windw = 3"}
    with pytest.raises(LabelStudioError, match=r"answered 400: .*Unknown policy key windw"):
        api.post(bench.admin, "/api/ml", params)
    with pytest.raises(NotReadyError, match="has no <Choices> tag"):
        bench.backend.run("connect", "--project", str(number), "--yes")


def test_a_wrong_token_is_named(bench):
    stranger = replace(bench.backend.backend, token="b" * 40)
    with pytest.raises(NotReadyError, match="LABEL_STUDIO_API_KEY"):
        stranger.run("connect", "--project", str(bench.project.id), "--dry-run")
