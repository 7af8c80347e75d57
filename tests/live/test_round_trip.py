"""A real Label Studio imports what was exported for it, and the next export is the same again."""

import pytest
from exports import exported, in_file, in_label_studio, user_of
from odd_project import BOX, THEIRS
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.upload import choice

pytestmark = [pytest.mark.live, pytest.mark.slow]

FURTHER_TAGS = (
    '<Text name="about" value="$patient"/>'
    '<RectangleLabels name="box" toName="image"><Label value="thing"/></RectangleLabels>'
    '<TextArea name="seven" toName="image" visibleWhen="choice-selected" whenTagName="label" '
    'whenChoiceValue="7"/></View>'
)


def text(tag, said):
    value = {"text": [said]}
    return {"from_name": tag, "to_name": "image", "type": "textarea", "value": value}


class Lived:
    """A project with a task of every odd kind, by name."""

    KINDS = ("confirmed", "corrected", "boxed", "tied", "unknown", "skipped", "empty", "unlabelled")

    def __init__(self, project):
        self.project, self.admin = project, project.label_studio.admin
        self.ids = dict(zip(self.KINDS, project.tasks, strict=False))
        config = project.settings()["label_config"].replace("</View>", FURTHER_TAGS)
        api.patch(self.admin, f"/api/projects/{project.id}/", {"label_config": config})
        tasks = {task["id"]: task for task in project.export()}
        self.old = {i: task["annotations"][0]["id"] for i, task in tasks.items()}
        for number, task in tasks.items():
            data = task["data"] | {"patient": f"P{number}", "nested": {"list": [1, None, "é猫"]}}
            api.patch(self.admin, f"/api/tasks/{number}/", {"data": data, "meta": {"of": number}})
            # The others are of a second class: nothing can be learnt from one.
            self.relabel(number, *choice("3" if number in self.ids.values() else "9"))
        self.relabel(self.ids["boxed"], BOX, *choice("3"), text("seven", "not shown with a 5"))
        self.relabel(self.ids["unknown"], BOX, *choice("eleven"))
        self.admin.delete(f"/api/annotations/{self.old[self.ids['unlabelled']]}/")
        rows = [{"task": self.ids["corrected"], "result": choice("4"), **THEIRS}]
        api.post(self.admin, f"/api/projects/{project.id}/import/predictions", rows)

    def relabel(self, task, *result):
        api.patch(self.admin, f"/api/annotations/{self.old[task]}/", {"result": [*result]})

    def work(self):
        one, two, three = self.project.label_studio.annotators
        say = self.project.annotate
        say(one, self.ids["confirmed"], "3")
        for person in (one, two):
            say(person, self.ids["corrected"], "5")
            say(person, self.ids["boxed"], "5")
        say(one, self.ids["tied"], "8")
        with api.connect(self.project.label_studio.url, three.token) as client:
            skip = {"result": [], "was_cancelled": True}
            api.post(client, f"/api/tasks/{self.ids['skipped']}/annotations/", skip)
            # As a script does that submits nothing: Label Studio stores null.
            api.post(client, f"/api/tasks/{self.ids['empty']}/annotations/", {"lead_time": 1.0})
            draft = {"result": choice("6"), "lead_time": 1.0}
            api.post(client, f"/api/tasks/{self.ids['tied']}/drafts", draft)


@pytest.fixture
def lived(make_project):
    return Lived(make_project(limit=10, noise_rate=0.0))


def test_export_import_connect_and_export_again_lose_nothing(lived, start_backend, tmp_path):
    project, admin, backend = lived.project, lived.admin, start_backend("--no-worker")
    backend.run("connect", "--project", str(project.id), "--yes")
    lived.work()
    backend.run("reconcile", "--project", str(project.id))
    assert poll(lambda: backend.status(project)["votes"] == 6, seconds=30), backend.status(project)
    before = {task["id"]: task for task in project.export()}
    file, labels = exported(backend, project.id, tmp_path)

    # Nobody's annotation is lost or changed, but for the mark and for null where a list belongs.
    for task in file:
        was, there = before[task["id"]], {a["id"]: a for a in task["annotations"]}
        assert (task["data"], task["meta"]) == (was["data"], was["meta"])
        assert len(task["drafts"]) == len(was["drafts"])
        for one in was["annotations"]:
            now = there[one["id"]]
            assert now["result"] == (one["result"] or [])
            for key in ("was_cancelled", "created_at", "updated_at", "lead_time", "unique_id"):
                assert now[key] == one[key]
            assert user_of(now["completed_by"]) == one["completed_by"]
    by_id = {task["id"]: task for task in file}
    truths = {
        kind: [a["result"] for a in by_id[number]["annotations"] if a["ground_truth"]]
        for kind, number in lived.ids.items()
    }
    assert truths == {kind: [] for kind in lived.KINDS} | {
        "confirmed": [choice("3")],
        "corrected": [choice("5")],
        "boxed": [[*choice("5"), BOX]],
    }

    settings = {"title": "Imported again", "label_config": project.settings()["label_config"]}
    again = int(api.post(admin, "/api/projects/", settings)["id"])
    made = api.post(admin, f"/api/projects/{again}/import", file)
    assert made["task_count"] == len(before)
    imported = in_label_studio(admin, again)
    assert imported == in_file(file)
    backend.run("connect", "--project", str(again), "--yes")
    second, second_labels = exported(backend, again, tmp_path)
    assert in_file(second) == imported
    assert second_labels == labels
    assert labels[before[lived.ids["boxed"]]["data"]["image"]] == "5"
