"""Backtests on the export of a Label Studio project."""

import json

import pytest
from PIL import Image
from relabel.errors import ConfigurationError
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.plan import SimulationOptions


def annotation(number, label, when, by=1, name="label", **other):
    entry = {"from_name": name, "type": "choices", "value": {"choices": [label]}}
    at = f"{when}T00:00:00Z"
    return {
        "id": number,
        "completed_by": by,
        "result": [entry] if label else [],
        "created_at": at,
        "updated_at": at,
        **other,
    }


TASKS = [
    {
        "id": 7,
        "annotations": [
            annotation(1, "dog", "2026-01-03", by=2),
            annotation(2, "cat", "2026-01-01", by=1),
            annotation(3, "dog", "2026-01-02", by=3),
            annotation(4, "cat", "2026-01-04", by=4, was_cancelled=True),
            annotation(5, None, "2026-01-05", by=5),
        ],
    },
    {"id": 3, "annotations": [annotation(6, "cat", "2026-01-01")]},
    {"id": 9, "annotations": []},
    {"id": 11, "annotations": [annotation(7, None, "2026-01-05")]},
]


def write(folder, tasks=TASKS):
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder


def test_a_backtest_starts_from_the_oldest_annotation(tmp_path):
    data = load_dataset("label_studio", write(tmp_path))
    assert data.classes == ("cat", "dog")
    assert data.given.tolist() == [0, 0]
    assert data.truth.tolist() == [0, 1]
    assert data.distributions[1] == pytest.approx([1 / 3, 2 / 3])


def test_what_is_left_out_stands_in_the_books(tmp_path):
    assert load_dataset("label_studio", write(tmp_path)).accounts.lines() == (
        "4 tasks: 2 used, 2 left out",
        "  left out: 1 have no annotation: 9",
        "  left out: 1 have annotations that were submitted without a choice: 11",
        "7 annotations: 4 votes, 3 left out",
        "  left out: 2 were submitted without a choice",
        "  left out: 1 were skipped",
    )


def test_one_person_has_one_vote_on_a_task(tmp_path):
    said = [annotation(i, "dog" if i == 4 else "cat", f"2026-01-0{i}") for i in (1, 2, 3, 4)]
    other = annotation(5, "cat", "2026-01-05", by=2)
    data = load_dataset("label_studio", write(tmp_path, [{"id": 1, "annotations": [*said, other]}]))
    assert data.distributions.tolist() == [[0.5, 0.5]]
    assert data.given.tolist() == [0]
    assert "  left out: 3 were replaced by a newer one of the same person" in data.accounts.lines()


def test_one_of_several_tags_is_read(tmp_path):
    both = annotation(1, "cat", "2026-01-01")
    both["result"] += annotation(1, "left", "2026-01-01", name="side")["result"]
    tasks = [
        {"id": 1, "annotations": [both]},
        {"id": 2, "annotations": [annotation(2, "dog", "2026-01-01")]},
    ]
    folder = write(tmp_path, tasks)
    assert load_dataset("label_studio", folder, "label").classes == ("cat", "dog")
    with pytest.raises(ConfigurationError, match=r"export\.json: several <Choices> .*--choices"):
        load_dataset("label_studio", folder)
    with pytest.raises(ConfigurationError, match="is for dataset='label_studio' alone"):
        load_dataset("digits", folder, "label")
    assert SimulationOptions().choices == ""


def test_the_name_of_a_tag_is_told_in_one_line(tmp_path):
    tasks = [
        {"id": i, "annotations": [annotation(i, "cat", "2026-01-01", name=name)]}
        for i, name in enumerate(("a\nb", "\ud800" * 5_000))
    ]
    with pytest.raises(ConfigurationError) as message:
        load_dataset("label_studio", write(tmp_path, tasks))
    assert "\n" not in str(message.value)
    assert len(str(message.value).encode()) < 3_000


def test_tasks_without_a_file_are_left_out_where_others_have_one(tmp_path):
    more = {"id": 5, "annotations": [annotation(8, "dog", "2026-01-01")]}
    folder = write(tmp_path, [*TASKS, more])
    assert load_dataset("label_studio", folder).paths == ()
    (tmp_path / "images").mkdir()
    for name in ("3.png", "7.png", "9.png", "notes.png"):
        Image.new("RGB", (2, 2)).save(tmp_path / "images" / name)
    data = load_dataset("label_studio", folder)
    assert data.paths == tuple(str(tmp_path / "images" / name) for name in ("3.png", "7.png"))
    assert "  left out: 1 have no file images/<task id>.*: task 5" in data.accounts.lines()


PAGE = "<!doctype html><title>Log in</title>"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (PAGE, "it is a web page"),
        ("", "no JSON"),
        ("id,label\n1,cat\n", "no JSON"),
        ('{"detail": "Invalid token."}', "no list of tasks"),
        ('[{"id": 1, "annotation_id": 2, "label": "cat"}]', "JSON_MIN"),
        ("[]", "0 classes; need two"),
        (json.dumps(TASKS[1:]), "1 classes; need two"),
    ],
    ids=["login page", "empty", "CSV", "answer of the API", "JSON_MIN", "no tasks", "one class"],
)
def test_what_is_no_export_is_refused_in_one_line_with_file_and_remedy(tmp_path, content, why):
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(ConfigurationError, match=why) as error:
        load_dataset("label_studio", tmp_path)
    text = str(error.value)
    assert "\n" not in text
    assert "export.json" in text
    assert "Export, JSON" in text or "need two" in text
