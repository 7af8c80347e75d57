"""What people do to a real project that is being relabelled: skip, change, leave, import more.

The tests share one project after its first round, each with tasks of its own; one has its own.
"""

import pytest
from relabel.demo import accounts, api, upload
from relabel.demo.annotators import poll
from relabel.demo.digits import label_config
from relabel.demo.upload import choice
from relabel.types import State
from work import SECONDS, Work

pytestmark = [pytest.mark.live, pytest.mark.slow]

WINDOW = 4
POLICY = {"window": WINDOW, "solo": False, "retrain_after": 1000, "audit_share": 0.0}


@pytest.fixture(scope="module")
def backend(start_shared_backend):
    policy = "\n".join(f"{key} = {str(value).lower()}" for key, value in POLICY.items())
    return start_shared_backend(policy=policy)


@pytest.fixture(scope="module")
def work(make_project, backend):
    project = make_project(limit=50)
    backend.run("connect", "--project", str(project.id), "--yes")
    work = Work(project, backend, POLICY)
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=SECONDS)
    work.settle()
    return work


def test_skipped_tasks_take_no_places_under_each_rule_of_the_project(work):
    ann, ben = work.people[:2]
    before = work.in_order()
    skipped = [work.skip(ann) for _ in range(2 * WINDOW)]
    assert skipped == before[: 2 * WINDOW], "nobody starves, and the order is kept"
    assert work.next_task(ben) == before[0], "skips are for others"
    (mine, other) = work.old(before[0])
    work.submit(ben, before[0], result=choice(other))
    work.settle()
    held = skipped[1:]

    path = f"/api/projects/{work.project.id}/"
    api.patch(work.admin, path, {"skip_queue": "REQUEUE_FOR_ME"})
    work.settle()
    served = work.next_task(ben)
    assert served not in held, "they come back to whoever skipped them alone"
    assert served is not None
    work.submit(ben, served, result=choice(work.old(served)[0][1]))
    work.settle()
    assert work.next_task(ann) not in [*held, None], "and only after all others"

    api.patch(work.admin, path, {"skip_queue": "IGNORE_SKIPPED"})
    work.settle()
    open_now = {n for n, task in work.project.queue().tasks.items() if task.is_open}
    assert not open_now & set(held), "a skip has ended them"
    assert len(open_now) >= WINDOW
    state = work.state()
    ended = {n for n, gone in zip(state.tasks, state.skipped(), strict=True) if gone}
    assert set(held) <= ended

    api.patch(work.admin, path, {"skip_queue": "REQUEUE_FOR_OTHERS"})
    work.settle()
    assert work.next_task(ben) in held
    assert mine in work.said(before[0])


def test_annotations_on_behalf_of_others_are_their_votes(work):
    task = work.project.tasks[0]
    mine, other = work.old(task)
    for person in work.people[1:3]:
        body = {"result": choice(other), "completed_by": person.id}
        api.post(work.admin, f"/api/tasks/{task}/annotations/", body)
    work.settle()
    voters = {(str(person.id), other, False) for person in work.people[1:3]}
    assert work.said(task) == {mine, *voters}
    assert work.backend.status(work.project)["overwritten"] == 0


@pytest.mark.parametrize("by", [0, 1], ids=["one", "another"])
def test_a_change_of_an_old_annotation_is_a_vote_and_the_old_label_stands(work, by):
    task = work.project.tasks[1 + by]
    mine, other = work.old(task)
    (old,) = api.get(work.admin, f"/api/tasks/{task}/annotations/")
    person = work.people[by]
    with api.connect(work.studio.url, person.token) as client:
        api.patch(client, f"/api/annotations/{old['id']}/", {"result": choice(other)})
        work.settle()
        assert work.said(task) == {mine, (str(person.id), other, False)}
        api.patch(client, f"/api/annotations/{old['id']}/", {"result": []})
        work.settle()
    assert work.said(task) == {mine}


def test_the_votes_of_deleted_users_stay(work):
    task = work.project.tasks[3]
    mine, other = work.old(task)
    leavers = [
        accounts.sign_up(work.admin, f"leaver{i}@example.com", "leaver-password", ("L", str(i)))
        for i in (1, 2)
    ]
    for person in leavers:
        work.submit(person, task, result=choice(other))
    work.settle()
    before = work.said(task)
    assert before == {mine, *((str(person.id), other, False) for person in leavers)}
    for person in leavers:
        work.admin.delete(f"/api/users/{person.id}/")
    gone = api.get(work.admin, f"/api/tasks/{task}/annotations/")
    assert [a["completed_by"] for a in gone if a["result"] == choice(other)] == [None, None]
    work.backend.run("reconcile", "--project", str(work.project.id))
    assert work.said(task) == before
    state = work.state()
    assert state.consensus.states[list(state.tasks).index(task)] == State.SETTLED


def test_after_detaching_tasks_that_came_meanwhile_have_the_overlap_of_the_project(
    label_studio, backend
):
    admin = label_studio.admin
    settings = {"title": "Overlap", "label_config": label_config(), "maximum_annotations": 3}
    number = int(api.post(admin, "/api/projects/", settings)["id"])

    def add(tasks):
        body = [
            {
                "data": {"image": f"/{i}.png"},
                "annotations": [
                    {"result": upload.choice(str(i % 2)), "completed_by": label_studio.original}
                ],
            }
            for i in range(tasks)
        ]
        api.post(admin, f"/api/projects/{number}/import", body)

    def overlaps():
        listed = api.get(admin, "/api/tasks", project=number, page_size=100)["tasks"]
        return [(t["overlap"], t["is_labeled"]) for t in listed]

    add(21)
    assert overlaps() == [(3, False)] * 21
    backend.run("connect", "--project", str(number), "--yes")
    add(3)
    assert max(overlaps())[0] < 3
    backend.run("reconcile", "--project", str(number))
    backend.run("detach", "--project", str(number), "--yes")
    assert overlaps() == [(3, False)] * 24
