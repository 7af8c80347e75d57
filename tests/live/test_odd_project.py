"""Three people relabel a project in which everything is odd at once, and nothing of it is lost."""

from collections import Counter

import pytest
from exports import exported, in_file, in_label_studio
from odd_project import BOX, KINDS_IN_ORDER, NO_IMAGE, UNSURE, OddProject
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.queue_state import read_queue
from relabel.demo.upload import choice
from snapshots import snapshot
from work import SECONDS, Work

pytestmark = [pytest.mark.live, pytest.mark.slow]

POLICY = {
    "window": 6,
    "solo": False,
    "retrain_after": 20,
    "audit_share": 0.0,
    "cannot_tell": UNSURE,
    "max_votes": 4,
}


ADDED = ("right", "unlabelled")
"""Kinds of the tasks that come while people are at work."""


class Team(Work):
    """Three people who label, skip, submit nothing, doubt, change and leave; kept in a tally."""

    def __init__(self, project, backend):
        super().__init__(project, backend, POLICY)
        self.number = ("--project", str(project.id))
        self.tally = Counter()
        self.seen = {person.id: set() for person in self.people}
        self.voted = {person.id: {} for person in self.people}
        self.spoken = {person.id: set() for person in self.people}

    def label(self, task, *, wrong=False):
        right = self.project.truth[task]
        return choice(str((int(right) + 1) % 10) if wrong else right)

    def answer(self, person, task, turn):
        """Submit what this person says in this turn: most often the truth."""
        habits = {
            0: {4: ("skipped", {"result": [], "was_cancelled": True})},
            1: {2: ("no_answer", {}), 5: ("abstentions", {"result": choice(UNSURE)})},
            2: {
                3: ("votes", {"result": self.label(task, wrong=True)}),
                6: ("box", {"result": [BOX]}),
            },
        }[self.people.index(person)]
        name, body = habits.get(turn % 7, ("votes", {"result": self.label(task)}))
        if task in self.spoken[person.id]:
            name, body = "replaced", {"result": self.label(task)}
        made = self.submit(person, task, **body)
        if name == "votes":
            self.voted[person.id][task] = made["id"]
        self.tally["no_answer" if name == "box" else name] += 1

    def interfere(self):
        """Do what nobody expects of a project that is being relabelled."""
        ann, ben, cat = self.people
        touched = set.union(*self.seen.values())
        fresh = self.project.kinds["right"] + self.project.kinds["predicted"]
        changed, behalf, left = [task for task in fresh if task not in touched][:3]
        # One changes what another said long ago, and what is said for a third is the third's.
        (old,) = api.get(self.admin, f"/api/tasks/{changed}/annotations/")
        with api.connect(self.studio.url, ben.token) as client:
            wrong = self.label(changed, wrong=True)
            api.patch(client, f"/api/annotations/{old['id']}/", {"result": wrong})
        self.spoken[ben.id].add(changed)
        body = {"result": self.label(behalf), "completed_by": cat.id}
        api.post(self.admin, f"/api/tasks/{behalf}/annotations/", body)
        # One votes and leaves; another takes a vote back, and is asked once more.
        leaver = self.project.sign_up("gone-meanwhile")
        self.submit(leaver, left, result=self.label(left))
        self.settle()
        self.admin.delete(f"/api/users/{leaver.id}/")
        task, taken_back = next(iter(self.voted[ann.id].items()))
        self.admin.delete(f"/api/annotations/{taken_back}/")
        self.seen[ann.id].remove(task)
        # Two more tasks come, one of them with a label.
        first = len(KINDS_IN_ORDER)
        bodies = [self.project.body(kind, first + i) for i, kind in enumerate(ADDED)]
        for i, number in enumerate(self.project.add(bodies)):
            self.project.truth[number] = self.project.true_label(first + i)
        self.tally["votes"] += 3 - 1
        self.backend.run("reconcile", *self.number)

    def left_for(self, person):
        """Return the tasks that this person could be given, were it not for an empty queue."""
        queue = read_queue(self.studio.database, self.project.id).tasks
        state = self.state()
        return {
            number
            for (number, task), waits in zip(state.tasks.items(), state.waiting(), strict=True)
            if waits and not task.problem
            if person.id not in queue[number].seen_by and not queue[number].locked_by
        }

    def work(self, turns):
        """Take turns until nobody is given a task, or for so many turns."""
        idle = 0
        for turn in range(turns):
            person = self.people[turn % len(self.people)]
            self.settle()
            task = self.next_task(person)
            if task is None:
                assert self.left_for(person) == set(), f"{person.email} starves"
                idle += 1
                if idle == len(self.people):
                    return True
                continue
            idle = 0
            assert task not in self.seen[person.id], "nobody is asked twice"
            self.seen[person.id].add(task)
            self.answer(person, task, turn // len(self.people))
        return False


@pytest.fixture(scope="module")
def team(label_studio, start_shared_backend):
    policy = "\n".join(
        f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {str(value).lower()}"
        for key, value in POLICY.items()
    )
    return Team(OddProject(label_studio), start_shared_backend(policy=policy))


@pytest.fixture(scope="module")
def before(team):
    """What the project was, and that looking at it changes nothing."""
    before = snapshot(team.project)
    printed = " ".join(team.backend.run("connect", *team.number, "--dry-run").split())
    assert "nearest: " in printed
    assert snapshot(team.project) == before
    return before


@pytest.fixture(scope="module")
def connected(team, before):  # noqa: ARG001  looked at first
    """The project after its first round, before anybody has said anything."""
    team.backend.run("connect", *team.number, "--yes")
    assert poll(lambda: team.backend.status(team.project)["rounds"] >= 1, seconds=SECONDS)
    team.settle()
    return books(team)


@pytest.fixture(scope="module")
def worked(team, connected):  # noqa: ARG001  connected first
    """The project when nobody is given anything any more. Not only the queue is worked on."""
    assert not team.work(15)
    team.interfere()
    assert team.work(400), "comes to an end"
    team.settle()
    return books(team)


def books(team):
    """Return the parts of each book that are not empty, checked against their totals."""
    found = {}
    for name, book in team.backend.status(team.project)["accounts"].items():
        assert sum(part["count"] for part in book["parts"]) == book["total"]
        found[name] = {part["name"]: part["count"] for part in book["parts"] if part["count"]}
        unused = [part for part in book["parts"] if part["count"] and not part["used"]]
        assert all(part["text"] and part["examples"] for part in unused), "nothing goes unnamed"
    return found


def test_what_was_read_is_used_or_named(connected):
    unread = len(NO_IMAGE)
    assert connected == {
        "tasks": {"agreed": 2, "no_image": unread, "unlabelled": 9, "waiting": 40 - 11 - unread},
        "images": {"read": 40 - unread, "failed": unread},
        "labels": {
            "annotations": 33,
            "authorless": 2,
            "abstentions": 1,
            "skipped": 1,
            "no_answer": 2,
            "unknown_class": 2,
            "unreadable": 1,
        },
        "answers": {},
    }


def test_the_queue_never_starves_and_every_answer_is_in_the_books(team, worked, connected):
    assert worked["answers"] == dict(team.tally)
    labels = dict(worked["labels"])
    labels["annotations"] -= 1  # of a task that came meanwhile
    assert labels == connected["labels"], "old labels stay as they were read"
    # All that had a label, and what had none and was labelled as in any project.
    assert worked["tasks"] == {"settled": 25 + 1 + 3, "agreed": 2, "no_image": 4, "unlabelled": 7}


@pytest.mark.usefixtures("worked")
def test_an_export_can_be_imported_and_exported_again(team, tmp_path):
    project, backend = team.project, team.backend
    file, labels = exported(backend, project.id, tmp_path)
    out = str(tmp_path / "again.json")
    printed = backend.run("export", *team.number, "--format", "label-studio", "--out", out)
    settings = {"title": "Odd again", "label_config": project.settings()["label_config"]}
    again = int(api.post(team.admin, "/api/projects/", settings)["id"])
    made = api.post(team.admin, f"/api/projects/{again}/import", file)
    assert made["task_count"] == 40 + len(ADDED)
    imported = in_label_studio(team.admin, again)
    importer = api.get(team.admin, "/api/current-user/whoami")["id"]
    assert imported == in_file(file, nobody=importer)
    told = " ".join(printed.split())
    assert "of users who are gone under whoever imports it: 3, in task" in told
    assert "leaves drafts out: 1, in task" in told
    backend.run("connect", "--project", str(again), "--yes")
    second, second_labels = exported(backend, again, tmp_path)
    assert in_file(second) == imported
    assert second_labels == labels
    backend.run("detach", "--project", str(again), "--yes")


@pytest.mark.usefixtures("worked")
def test_detach_gives_the_project_back(team, before):
    theirs = snapshot(team.project)["annotations"]
    team.backend.run("detach", *team.number, "--yes")
    after = snapshot(team.project)
    assert after.pop("annotations") == theirs
    added = after["settings"].pop("task_number") - before["settings"].pop("task_number")
    assert added == len(ADDED)
    for part in before.keys() - {"annotations", "tasks", "queue"}:
        assert after[part] == before[part], part
    assert {number: after["queue"][number] for number in before["queue"]} == {
        # Otherwise Label Studio would ask for the same label once more.
        number: (overlap, labelled or number in team.project.kinds["unlabelled"])
        for number, (overlap, labelled) in before["queue"].items()
    }
    assert {number: without_skips(after["tasks"][number]) for number in before["tasks"]} == {
        number: without_skips(task) for number, task in before["tasks"].items()
    }


def without_skips(task):
    """Return a task without what people's skips count there, and how old a draft is."""
    drafts = [{k: v for k, v in draft.items() if k != "created_ago"} for draft in task["drafts"]]
    return {k: v for k, v in task.items() if k != "cancelled_annotations"} | {"drafts": drafts}
