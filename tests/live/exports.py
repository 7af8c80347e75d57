"""A project as Label Studio has it and as it was exported, in one form that can be compared."""

import csv
import json

from relabel.demo import api


def exported(backend, number, folder):
    """Return the file for Label Studio, and the label of each image."""
    project = ("--project", str(number))
    file, table = folder / f"{number}.json", folder / f"{number}.csv"
    backend.run("export", *project, "--format", "label-studio", "--out", str(file))
    backend.run("export", *project, "--out", str(table))
    with table.open(newline="") as lines:
        labels = {row["image"]: row["label"] for row in csv.DictReader(lines)}
    return json.loads(file.read_text()), labels


def normalised(tasks, predictions, nobody=None):
    """Return what a project or a file holds, without what each import makes anew.

    nobody: who stands for authors who are gone.
    """
    return [
        {
            "data": task["data"],
            "meta": task["meta"],
            "annotations": [
                (
                    user_of(a["completed_by"]) or nobody,
                    a["result"],
                    a["was_cancelled"],
                    a["ground_truth"],
                    a.get("lead_time"),
                )
                for a in task["annotations"]
            ],
            "predictions": [
                (p["model_version"], p["score"], p["result"]) for p in predictions(task)
            ],
        }
        for task in sorted(tasks, key=lambda task: task["id"])
    ]


def user_of(value):
    return value["id"] if isinstance(value, dict) else value


def in_label_studio(admin, number):
    path = f"/api/projects/{number}/export"
    tasks = api.get(admin, path, exportType="JSON", download_all_tasks="true")
    found = api.get(admin, "/api/predictions/", project=number)
    return normalised(tasks, lambda task: [p for p in found if p["task"] == task["id"]])


def in_file(tasks, nobody=None):
    return normalised(tasks, lambda task: task["predictions"], nobody)
