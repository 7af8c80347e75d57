"""What leaves the system: labels in every format, and labels written back into the tasks."""

import csv
import io
import json

import pytest
from fake_label_studio import ORIGINAL
from relabel.service.export.export import FORMATS, export_rows, write_back
from relabel.service.queue.undo import undo_run
from relabel.service.votes.settled import EVERY, By, count_settled
from wiring import connect_project, deliver, publish_round

NASTY = '=cmd|"/c calc"!A1,\n"quoted" <b>é猫'
CONFIG = (
    '<View><Image name="picture" value="$photo"/>'
    '<Choices name="kind" toName="picture" required="true">'
    '<Choice value="cat"/><Choice value="dog"/><Choice value="bird"/></Choices></View>'
)


@pytest.fixture
def project(context, fake, connected):
    """Task by task: confirmed, corrected, waiting for a third vote, untouched, unlabelled."""
    number = connected(["cat", "cat", "cat", "dog", None])
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9, ids[1]: 0.8, ids[2]: 0.7})
    fake.annotate(ids[0], 1, "cat")
    fake.annotate(ids[1], 1, "dog")
    fake.annotate(ids[1], 2, "dog")
    fake.annotate(ids[2], 1, "bird")
    deliver(context, fake)
    return number, ids


def exported(context, number, kind, kept=EVERY):
    return FORMATS[kind](context, *export_rows(context, number, kept)).text


def tasks_in(text, kind):
    """Return the ids of the tasks that a file holds, in its order."""
    if kind == "csv":
        return [int(row["task_id"]) for row in csv.DictReader(io.StringIO(text))]
    body = json.loads(text)
    return [row["task_id"] for row in body["tasks"]] if kind == "json" else [t["id"] for t in body]


def test_every_task_is_exported_once_with_label_state_and_votes(context, project):
    number, ids = project
    body = json.loads(exported(context, number, "json"))
    assert body["classes"] == ["cat", "dog", "bird"]
    rows = {row["task_id"]: row for row in body["tasks"]}
    assert list(rows) == ids
    assert [rows[i]["label"] for i in ids] == ["cat", "dog", "cat", "dog", ""]
    assert [rows[i]["initial_label"] for i in ids] == ["cat", "cat", "cat", "dog", ""]
    assert [rows[i]["changed"] for i in ids] == [False, True, False, False, False]
    assert [rows[i]["second_opinion"] for i in ids] == [True, True, False, False, False]
    assert rows[ids[1]]["state"] == "settled"
    assert rows[ids[2]]["state"] != "settled"
    assert rows[ids[1]]["votes"] == {str(ORIGINAL): "cat", "1": "dog", "2": "dog"}
    assert rows[ids[1]]["soft_label"] == {"cat": pytest.approx(1 / 3), "dog": pytest.approx(2 / 3)}
    assert rows[ids[4]]["soft_label"] == {}


def test_csv_says_the_same_as_json(context, project):
    number, _ = project
    table = list(csv.DictReader(io.StringIO(exported(context, number, "csv"))))
    objects = json.loads(exported(context, number, "json"))["tasks"]
    assert len(table) == len(objects) == 5
    for line, row in zip(table, objects, strict=True):
        for key, value in row.items():
            given = json.loads(line[key]) if isinstance(value, dict) else line[key]
            plain = "" if value is None else str(value)
            assert given == (value if isinstance(value, dict) else plain), key


def test_what_a_task_came_with_is_shown_even_where_it_is_no_class(context, fake, connected):
    number = connected(["Dog", "cat", None])
    first, second, third = fake.tasks
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    rows = {row.task_id: row for row in export_rows(context, number)[1]}
    assert [rows[i].initial_value for i in (first, second, third)] == ["Dog", "cat", ""]
    assert [rows[i].initial_label for i in (first, second, third)] == ["", "cat", ""]


def test_what_is_no_vote_is_named_with_its_reason(context, fake, connected):
    number = connected(["Dog", "cat", "cat"])
    unknown, skipped, changed = fake.tasks
    fake.annotate(skipped, 1, cancelled=True)
    fake.annotate(skipped, 2)
    fake.annotate(changed, 1, "dog")
    fake.annotate(changed, 1, "bird")
    deliver(context, fake)
    rows = {row.task_id: row.not_counted for row in export_rows(context, number)[1]}
    assert rows == {
        unknown: {str(ORIGINAL): "unknown class: Dog"},
        skipped: {"1": "skipped", "2": "no answer"},
        changed: {"1": "replaced: dog"},
    }


def test_an_old_label_of_somebody_who_voted_since_stays_visible(context, fake, connected):
    number = connected(["cat"])
    (task,) = fake.tasks
    fake.annotate(task, ORIGINAL, "dog")
    deliver(context, fake)
    (row,) = export_rows(context, number)[1]
    assert row.votes == {f"{ORIGINAL} before": "cat", str(ORIGINAL): "dog"}


def test_values_of_a_data_field_are_shown_as_they_were_read(context, fake):
    number = fake.add_project([None, None])
    for task, value in zip(fake.tasks.values(), ("dog", "Dog"), strict=True):
        task["data"]["old"] = value
    connect_project(context, number, 'initial = "data:old"')
    rows = export_rows(context, number)[1]
    assert [(row.initial_label, row.initial_value) for row in rows] == [("dog", "dog"), ("", "Dog")]


def test_names_of_tags_and_fields_are_those_of_the_project(context, fake):
    number = fake.add_project([], config=CONFIG)
    (task,) = fake.add_tasks(number, [None])
    fake.tasks[task]["data"] = {"photo": "/a.png", "other": 3}
    fake.annotations[1] = {
        "id": 1,
        "task": task,
        "project": number,
        "completed_by": 9,
        "updated_by": 9,
        "was_cancelled": False,
        "created_at": fake.tasks[task]["created_at"],
        "updated_at": fake.tasks[task]["created_at"],
        "result": [
            {
                "from_name": "kind",
                "to_name": "picture",
                "type": "choices",
                "value": {"choices": ["dog"]},
            }
        ],
    }
    connect_project(context, number)
    (only,) = json.loads(exported(context, number, "label-studio"))
    assert only["data"] == {"photo": "/a.png", "other": 3}
    (annotation,) = only["annotations"]
    assert annotation["result"][0]["from_name"] == "kind"
    assert annotation["result"][0]["to_name"] == "picture"


@pytest.mark.parametrize("kind", FORMATS)
def test_any_text_survives_the_export(context, fake, connected, kind):
    number = connected(["cat", "dog"])
    task = min(fake.tasks)
    fake.tasks[task]["data"]["image"] = NASTY
    fake.tasks[task]["updated_at"] = fake._now()
    connect_project(context, number)
    text = exported(context, number, kind)
    if kind == "csv":
        found = [row["image"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    elif kind == "json":
        found = [row["image"] for row in json.loads(text)["tasks"]]
    else:
        found = [row["data"]["image"] for row in json.loads(text)]
    assert NASTY in found


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_project_exports_no_task(context, connected, kind):
    number = connected([])
    text = exported(context, number, kind)
    if kind == "csv":
        assert len(text.splitlines()) == 1
    else:
        body = json.loads(text)
        assert (body["tasks"] if kind == "json" else body) == []


# -- choosing by how tasks were settled ------------------------------------------------------
@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_may_keep_the_tasks_alone_that_were_settled_so(context, project, kind):
    number, ids = project
    held = {by: tasks_in(exported(context, number, kind, {by}), kind) for by in By}
    assert held == {by: [] for by in By} | {
        By.OLD_LABEL: [ids[0]],
        By.PEOPLE: [ids[1]],
        By.NOBODY: ids[2:],
    }
    both = {By.PEOPLE, By.OLD_LABEL}
    assert tasks_in(exported(context, number, kind, both), kind) == ids[:2]
    state, _ = export_rows(context, number)
    assert count_settled(state) == {by: len(tasks) for by, tasks in held.items()}


@pytest.mark.parametrize("kind", FORMATS)
def test_of_a_task_in_a_part_nothing_is_left_out(context, project, kind):
    """What is kept stands there as it does in the whole."""
    number, ids = project
    whole, part = (exported(context, number, kind, kept) for kept in (EVERY, {By.PEOPLE}))
    if kind == "csv":
        rows = {int(row["task_id"]): row for row in csv.DictReader(io.StringIO(whole))}
        assert list(csv.DictReader(io.StringIO(part))) == [rows[ids[1]]]
    elif kind == "json":
        tasks = json.loads(whole)["tasks"]
        assert json.loads(part) == json.loads(whole) | {"tasks": [tasks[1]]}
    else:
        assert json.loads(part) == [json.loads(whole)[1]]


def test_one_persons_word_is_a_kind_of_its_own_where_one_decides(context, fake, connected):
    number = connected(["cat", "cat"], "solo = true")
    first, second = fake.tasks
    fake.annotate(first, 1, "dog")
    fake.annotate(second, 1, "cat")
    deliver(context, fake)
    for by, task in ((By.PERSON, first), (By.OLD_LABEL, second)):
        assert [row.task_id for row in export_rows(context, number, {by})[1]] == [task]


def test_a_task_that_has_just_come_is_in_no_part(context, fake, project):
    """Votes have not settled it, and the books do not know it yet."""
    number, _ = project
    (new,) = fake.add_tasks(number, ["cat"])
    assert new in tasks_in(exported(context, number, "label-studio"), "label-studio")
    assert new not in tasks_in(
        exported(context, number, "label-studio", {By.PEOPLE}), "label-studio"
    )


# -- writing back ----------------------------------------------------------------------------
def test_settled_labels_are_written_into_their_tasks_and_nothing_else_changes(
    context, fake, project
):
    number, ids = project
    annotations = json.dumps(fake.annotations, sort_keys=True)
    images = {i: fake.tasks[i]["data"]["image"] for i in ids}
    queue = {i: (t["overlap"], t["is_labeled"]) for i, t in fake.tasks.items()}
    settled = {row.task_id for row in export_rows(context, number)[1] if row.state == "settled"}
    assert {ids[0], ids[1]} <= settled
    assert ids[2] not in settled
    assert write_back(context, number) == len(settled)
    for i in ids:
        data = fake.tasks[i]["data"]
        assert data["image"] == images[i]
        assert ("relabel_label" in data) == (i in settled)
    assert fake.tasks[ids[1]]["data"]["relabel_label"] == "dog"
    assert fake.tasks[ids[1]]["data"]["relabel_soft_label"]["dog"] == pytest.approx(2 / 3)
    assert json.dumps(fake.annotations, sort_keys=True) == annotations
    assert {i: (t["overlap"], t["is_labeled"]) for i, t in fake.tasks.items()} == queue


def test_labels_are_written_back_of_the_tasks_alone_that_were_settled_so(context, fake, project):
    number, ids = project
    assert write_back(context, number, {By.PEOPLE}) == 1
    assert [i for i in ids if "relabel_label" in fake.tasks[i]["data"]] == [ids[1]]


def test_writing_back_twice_and_undoing_restores_what_was_there_first(context, fake, project):
    number, ids = project
    fake.tasks[ids[0]]["data"]["relabel_label"] = "somebody's own"
    before = {i: dict(fake.tasks[i]["data"]) for i in ids}
    assert write_back(context, number) == write_back(context, number)
    undo_run(context, number, "write-back")
    assert {i: fake.tasks[i]["data"] for i in ids} == before
