"""Bring the digits into a Label Studio project, as uploaded files with an old label each."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import httpx

from relabel.demo import api
from relabel.demo.digits import CLASSES, Digits, label_config, png
from relabel.errors import LabelStudioError
from relabel.types import Progress, silent

FILES_PER_REQUEST = 100
"""Label Studio accepts no more files in one request (DATA_UPLOAD_MAX_NUMBER_FILES)."""

INSTRUCTION = (
    "Choose the digit that you see and submit. You are asked about the labels that look wrong "
    "first; the old label is hidden so that it does not sway you."
)


def create_project(admin: httpx.Client, title: str) -> int:
    """Create an empty project for digits; remove one of the same title that was left unfinished."""
    for project in api.get(admin, "/api/projects/", title=title, page_size=100)["results"]:
        if project["title"] == title:
            admin.delete(f"/api/projects/{project['id']}/")
    settings = {
        "title": title,
        "label_config": label_config(),
        "expert_instruction": INSTRUCTION,
        "show_instruction": False,
        "enable_empty_annotation": False,
    }
    return int(api.post(admin, "/api/projects/", settings)["id"])


def upload_digits(
    admin: httpx.Client,
    project: int,
    digits: Digits,
    *,
    labelled_by: int,
    progress: Progress = silent,
) -> None:
    """Upload every digit and import one task per file, with its old label as an annotation.

    The files go first and make no tasks; then one import brings the tasks together with their
    annotations, so that no task ever exists without its old label.

    Args:
        admin: Who uploads.
        project: An empty project.
        digits: Images and labels.
        labelled_by: User id that the old labels stand under.
        progress: Told how many files are uploaded.

    Raises:
        LabelStudioError: Label Studio kept fewer files or tasks than it was given.
    """
    total = len(digits.given)
    for first in range(0, total, FILES_PER_REQUEST):
        rows = range(first, min(first + FILES_PER_REQUEST, total))
        # Equal field names would keep the last file only.
        files = {
            f"file{row}": (digits.name(row), png(digits.pixels[row]), "image/png") for row in rows
        }
        path = f"/api/projects/{project}/import"
        admin.post(path, files=files, params={"commit_to_project": "false"})
        progress("upload", rows.stop, total)
    stored = _stored_files(admin, project)
    missing = total - len(stored)
    if missing:
        raise LabelStudioError(f"Label Studio kept {len(stored)} of {total} uploaded images.")
    tasks = [_task(digits, row, stored, labelled_by) for row in range(total)]
    created = api.post(admin, f"/api/projects/{project}/import", tasks)
    if (created["task_count"], created["annotation_count"]) != (total, total):
        raise LabelStudioError(
            f"Label Studio imported {created['task_count']} tasks with "
            f"{created['annotation_count']} annotations; {total} of each were sent."
        )


def image_name(image: str) -> str:
    """Return the name under which an image was uploaded, from the address that the task holds."""
    return PurePosixPath(image).name.partition("-")[2]  # Label Studio prefixes eight hex digits


def choice(label: str) -> list[dict[str, Any]]:
    """Return the `result` of an annotation that chooses `label`."""
    value = {"choices": [label]}
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": value}]


def _stored_files(admin: httpx.Client, project: int) -> dict[str, str]:
    """Return the address of every uploaded file by the name it was uploaded under."""
    uploads: Sequence[dict[str, Any]] = api.get(
        admin, f"/api/projects/{project}/file-uploads", all="true"
    )
    return {image_name(upload["file"]): f"/data/{upload['file']}" for upload in uploads}


def _task(digits: Digits, row: int, stored: dict[str, str], labelled_by: int) -> dict[str, Any]:
    old_label = {
        "result": choice(CLASSES[digits.given[row]]),
        "completed_by": labelled_by,
        "ground_truth": False,  # imported annotations are ground truth unless it is said
    }
    return {"data": {"image": stored[digits.name(row)]}, "annotations": [old_label]}
