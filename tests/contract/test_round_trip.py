"""Exported for Label Studio, imported there, connected and exported again: nothing is lost."""

import json
import random

import pytest
from fake_label_studio import ORIGINAL, result
from relabel.service.export.export import export_rows, write_export
from relabel.simulation.data.sources.projects import label_studio
from wiring import connect_project, deliver, publish_round

CONFIG = (
    '<View><Image name="image" value="$image"/><Text name="about" value="$patient"/>'
    '<Choices name="label" toName="image" choice="single" required="true">'
    '<Choice value="cat"/><Choice value="dog"/><Choice value="bird"/></Choices>'
    '<Choices name="side" toName="image" choice="single" visibleWhen="choice-selected" '
    'whenTagName="label" whenChoiceValue="cat"><Choice value="left"/></Choices>'
    '<RectangleLabels name="box" toName="image"><Label value="thing"/></RectangleLabels></View>'
)
PARAMS = 'choices = "label"'
BOX = {
    "id": "r1",
    "from_name": "box",
    "to_name": "image",
    "type": "rectanglelabels",
    "value": {"x": 1.5, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["thing"]},
}
SIDE = {
    "from_name": "side",
    "to_name": "image",
    "type": "choices",
    "value": {"choices": ["left"]},
}


def task(name, *annotations, **values):
    data = {"image": f"/{name}.png", "patient": name, "nested": {"list": [1, None, "é猫"]}}
    return {"data": data, "meta": {"of": name}, "annotations": list(annotations), **values}


def said(*items, by=ORIGINAL, **values):
    return {"result": list(items), "completed_by": by, "ground_truth": False, **values}


def label(name):
    return result([name])[0]


@pytest.fixture
def project(context, fake):
    """Tasks by name; after connecting, people confirmed and corrected some of them."""
    number = fake.add_project([], config=CONFIG)
    theirs = {"model_version": "theirs", "score": 0.3, "result": result(["bird"])}
    names = {
        "confirmed": task("confirmed", said(label("cat"), BOX, lead_time=7.5)),
        "corrected": task("corrected", said(label("cat")), predictions=[theirs]),
        "boxed": task("boxed", said(BOX, label("cat"), SIDE)),
        "waiting": task("waiting", said(label("cat"), BOX)),
        "tied": task("tied", said(label("dog")), said(label("bird"), by=8)),
        "untouched": task("untouched", said(label("bird"), BOX, ground_truth=True)),
        "unknown": task("unknown", said(label("Dog"), BOX)),
        "skipped": task("skipped", said(label("cat")), said(by=7, was_cancelled=True)),
        "unlabelled": task("unlabelled"),
    }
    ids = dict(zip(names, fake.import_tasks(number, list(names.values())), strict=True))
    connect_project(context, number, PARAMS)
    publish_round(context, number, dict.fromkeys(ids.values(), 0.9))
    fake.annotate(ids["confirmed"], 1, "cat")
    for person in (1, 2):
        fake.annotate(ids["corrected"], person, "dog")
        fake.annotate(ids["boxed"], person, "dog")
    fake.annotate(ids["waiting"], 1, "bird")
    fake.annotate(ids["unlabelled"], 1, cancelled=True)
    deliver(context, fake)
    return number, ids


def exported(context, number, folder, name="export.json"):
    """Return the file's tasks by the name that their data holds."""
    write_export(context, number, "label-studio", folder / name)
    tasks = json.loads((folder / name).read_text())
    return {task["data"]["patient"]: task for task in tasks}


def normalised(tasks):
    """Return what a file says, without what Label Studio makes anew on each import."""
    return {
        name: (
            task["data"],
            task["meta"],
            [
                (
                    a["completed_by"],
                    a["result"],
                    a["was_cancelled"],
                    a["ground_truth"],
                    a.get("lead_time"),
                )
                for a in task["annotations"]
            ],
            [(p["model_version"], p["score"], p["result"]) for p in task["predictions"]],
        )
        for name, task in tasks.items()
    }


def labels(context, number):
    """Return the label of every task, by its image."""
    return {row.image: row.label for row in export_rows(context, number)[1]}


def test_export_and_import_and_export_again_are_the_same(context, fake, project, tmp_path):
    number, ids = project
    first = exported(context, number, tmp_path)
    assert list(first) == list(ids)
    again = fake.add_project([], config=CONFIG)
    fake.import_tasks(again, json.loads((tmp_path / "export.json").read_text()))
    connect_project(context, again, PARAMS)
    assert normalised(exported(context, again, tmp_path, "again.json")) == normalised(first)
    assert labels(context, again) == labels(context, number)


def test_every_field_and_annotation_is_in_the_file_as_it_was(context, fake, project, tmp_path):
    number, ids = project
    file = exported(context, number, tmp_path)
    for name, task_id in ids.items():
        assert file[name]["data"] == fake.tasks[task_id]["data"]
        assert file[name]["meta"] == {"of": name}
        there = {a["id"]: a for a in file[name]["annotations"]}
        for one in fake.annotations.values():
            if one["task"] == task_id:
                person = one["completed_by"]
                author = {"id": person, "email": fake.users[person]}
                mark = there[one["id"]]["ground_truth"]
                was = one | {"completed_by": author, "ground_truth": mark}
                assert there[one["id"]] == was


def test_one_annotation_of_a_settled_task_is_the_ground_truth_and_comes_first(
    context, project, tmp_path
):
    number, _ = project
    file = exported(context, number, tmp_path)
    marked = {name: [a["ground_truth"] for a in task["annotations"]] for name, task in file.items()}
    assert marked == {
        "confirmed": [True, False],
        "corrected": [True, False, False],
        "boxed": [True, False, False, False],
        "waiting": [False, False],
        "tied": [False, False],
        "untouched": [True],
        "unknown": [False],
        "skipped": [False, False],
        "unlabelled": [False],
    }
    first = {name: file[name]["annotations"][0] for name in ("confirmed", "corrected")}
    assert first["confirmed"]["result"] == [label("cat"), BOX]
    assert first["corrected"]["result"] == [label("dog")]


def test_a_correction_keeps_the_boxes_but_not_what_the_form_hides_beside_it(
    context, fake, project, tmp_path
):
    """Whoever relabelled was not asked for the boxes again, and a dog has no side."""
    number, ids = project
    first, *rest = exported(context, number, tmp_path)["boxed"]["annotations"]
    assert first["result"] == [label("dog"), BOX]
    assert first["completed_by"] == {"id": 1, "email": fake.users[1]}
    assert first["id"] not in fake.annotations
    theirs = [a["id"] for a in fake.annotations.values() if a["task"] == ids["boxed"]]
    assert [a["id"] for a in rest] == theirs


def test_the_added_annotation_is_no_further_vote(context, fake, project, tmp_path):
    number, _ = project
    exported(context, number, tmp_path)
    again = fake.add_project([], config=CONFIG)
    fake.import_tasks(again, json.loads((tmp_path / "export.json").read_text()))
    connect_project(context, again, PARAMS)

    def votes(project):
        return {row.image: row.votes for row in export_rows(context, project)[1]}

    assert votes(again) == votes(number)


def test_predictions_of_others_are_whole_and_our_own_are_left_out(context, fake, project, tmp_path):
    number, ids = project
    assert any(p["model_version"].startswith("relabel-") for p in fake.predictions.values())
    ours = next(p for p in fake.predictions.values() if p["task"] == ids["waiting"])
    (annotation,) = [
        a
        for a in fake.annotations.values()
        if (a["task"], a["completed_by"]) == (ids["waiting"], 1)
    ]
    annotation |= {"prediction": ours, "parent_prediction": ours["id"]}
    file = exported(context, number, tmp_path)
    versions = {n: [p["model_version"] for p in task["predictions"]] for n, task in file.items()}
    assert versions == {name: ["theirs"] if name == "corrected" else [] for name in ids}
    assert file["corrected"]["predictions"][0]["result"] == result(["bird"])
    assert "relabel-" not in (tmp_path / "export.json").read_text()


def test_what_label_studio_s_import_refuses_is_not_in_the_file(context, fake, tmp_path):
    """Null where a list or an object is expected, as Label Studio itself stores and exports it."""
    number = fake.add_project([])
    task_id, other = fake.add_tasks(number, ["cat", "dog"])
    fake.tasks[task_id]["meta"] = None
    empty = fake.annotate(task_id, 1)
    fake.annotations[empty]["result"] = None
    gone = fake.annotate(other, 2, "dog")
    fake.annotations[gone]["completed_by"] = None
    fake.predictions[1] = {"id": 1, "task": other, "project": number, "model_version": "old"}
    fake.predictions[1] |= {"result": None, "score": None}
    fake.events.clear()
    connect_project(context, number)
    write_export(context, number, "label-studio", tmp_path / "export.json")
    tasks = json.loads((tmp_path / "export.json").read_text())
    again = fake.add_project([])
    assert len(fake.import_tasks(again, tasks)) == 2


def test_a_label_that_one_person_settled_alone_is_still_there_after_importing(
    context, fake, connected, tmp_path
):
    number = connected(["cat", "cat"], params="solo = true")
    first, _ = fake.tasks
    publish_round(context, number, {first: 0.9})
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    write_export(context, number, "label-studio", tmp_path / "export.json")
    again = fake.add_project([])
    fake.import_tasks(again, json.loads((tmp_path / "export.json").read_text()))
    connect_project(context, again, "solo = true")
    assert list(labels(context, again).values()) == ["dog", "cat"]


def test_the_file_can_be_backtested(context, project, tmp_path):
    number, _ = project
    exported(context, number, tmp_path)
    data = label_studio(tmp_path, "label")
    given = [data.classes[g] for g in data.given]
    # Task by task, as the fixture made them: what each came with, whatever was found since.
    assert given[:6] == ["cat", "cat", "cat", "cat", "dog", "bird"]
    truth = [data.classes[t] for t in data.distributions.argmax(1)]
    assert truth[:3] == ["cat", "dog", "dog"]
    # The annotation that was added to the third is nobody's second vote.
    assert data.distributions[2].max() == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("choices", "said_first", "found"),
    [
        ('<Choice value="cat"/><Choice value="dog"/>', ["cat"], ["dog"]),
        (
            '<Choice value="animal"><Choice value="cat"/><Choice value="dog"/></Choice>',
            ["animal", "cat"],
            ["animal", "dog"],
        ),
    ],
    ids=["flat", "nested"],
)
def test_nested_choices_keep_their_path(context, fake, tmp_path, choices, said_first, found):
    config = CONFIG.replace('required="true">', 'required="true" allowNested="true">').replace(
        '<Choice value="cat"/><Choice value="dog"/><Choice value="bird"/>', choices
    )
    number = fake.add_project([], config=config)
    first = {**label("cat"), "value": {"choices": [said_first]}}
    (task_id,) = fake.import_tasks(number, [task("nested", said(first, BOX))])
    connect_project(context, number, PARAMS)
    publish_round(context, number, {task_id: 0.9})
    for person in (1, 2):
        fake.annotate(task_id, person, found)
    deliver(context, fake)
    file = exported(context, number, tmp_path)
    assert file["nested"]["annotations"][0]["result"] == [
        {**label("dog"), "value": {"choices": [found]}},
        BOX,
    ]
    again = fake.add_project([], config=config)
    fake.import_tasks(again, json.loads((tmp_path / "export.json").read_text()))
    connect_project(context, again, PARAMS)
    assert normalised(exported(context, again, tmp_path, "again.json")) == normalised(file)
    assert list(labels(context, again).values()) == ["dog"]


def odd_task(draw, number):
    """Return a task with any mixture of annotations, some of which are no vote."""
    results = [
        [label("cat")],
        [label("dog"), BOX],
        [BOX, label("bird"), SIDE],
        [label("Dog")],
        [BOX],
        [],
        [{**label("cat"), "value": {"choices": ["cat", "dog"]}}],
    ]
    annotations = [
        said(
            *draw.choice(results),
            by=person,
            ground_truth=draw.random() < 0.3,
            was_cancelled=draw.random() < 0.2,
        )
        for person in draw.sample(range(3, ORIGINAL + 1), draw.randrange(4))
    ]
    return task(f"task {number}", *annotations)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_any_mixture_of_annotations_survives(context, fake, tmp_path, seed):
    draw = random.Random(seed)
    number = fake.add_project([], config=CONFIG)
    fake.import_tasks(number, [odd_task(draw, n) for n in range(25)])
    connect_project(context, number, PARAMS)
    publish_round(context, number, {})
    before = {n: dict(one) for n, one in fake.annotations.items()}
    for one in list(fake.tasks):
        for person in (1, 2):
            if draw.random() < 0.6:
                fake.annotate(one, person, draw.choice(["cat", "dog", "dog"]))
    deliver(context, fake)
    first = exported(context, number, tmp_path)
    rows = {row.task_id: row for row in export_rows(context, number)[1]}
    there = {a["id"]: a for one in first.values() for a in one["annotations"]}
    assert all(there[n]["result"] == (one["result"] or []) for n, one in before.items())
    voted = {a["task"] for n, a in fake.annotations.items() if n not in before}
    settled = {n for n, row in rows.items() if n in voted and row.state == "settled"}
    assert settled
    for one in first.values():
        marked = [a["result"] for a in one["annotations"] if a["ground_truth"]]
        if one["id"] in settled:
            assert len(marked) == 1
            assert label(rows[one["id"]].label) in marked[0]
    again = fake.add_project([], config=CONFIG)
    fake.import_tasks(again, json.loads((tmp_path / "export.json").read_text()))
    connect_project(context, again, PARAMS)
    assert normalised(exported(context, again, tmp_path, "again.json")) == normalised(first)
    kept, new = labels(context, number), labels(context, again)
    images = [rows[n].image for n in rows if n in settled or n not in voted]
    assert [kept[image] for image in images] == [new[image] for image in images]
