"""The settings with which Label Studio Community serves the lowest score first, and the tab.

One person at a time (`maximum_annotations` 1), uncertainty sampling over the predictions of exactly
one version, and `show_collab_predictions` on: with it off, Label Studio's own Save button wipes the
version and the order becomes random. The predictions hold no suggestion, so the form stays empty.
"""

from typing import Any

SAMPLING = "Uncertainty sampling"
TAB_TITLE = "Relabel queue"
HINTS = (
    "ANNOTATION_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_CREATED",
    "PROJECT_UPDATED",
    "TASKS_CREATED",
)
"""Events that Label Studio reports by their name alone. With them it would send the whole project,
whose counters it takes from all tasks: a third of an annotator's wait for a submission."""
DELETIONS = ("ANNOTATIONS_DELETED", "TASKS_DELETED")
"""Events that say what is gone: later, nobody could read that."""
WEBHOOK_ACTIONS = (*HINTS, *DELETIONS)
WEBHOOK_TOKEN_HEADER = "X-Relabel-Token"  # noqa: S105  a name and no secret
"""Header by which a webhook proves that `relabel connect` made it."""
SHOWN_COLUMNS = (
    "id",
    "total_annotations",
    "annotators",
    "predictions_score",
    "updated_at",
)
RESTORED = ("sampling", "maximum_annotations", "show_collab_predictions", "model_version")


def required_settings(model_version: str, queue: str = "window") -> dict[str, Any]:
    """Return the project settings that a kind of queue needs, see `Policy.queue`.

    The version is only set once there are predictions. The queue "view" orders nothing but the
    Data Manager tab, and leaves sampling and overlap to the project's admin.
    """
    settings: dict[str, Any] = {"show_collab_predictions": True}
    if queue == "window":
        settings |= {"sampling": SAMPLING, "maximum_annotations": 1}
    if model_version:
        settings["model_version"] = model_version
    return settings


def settings_to_change(
    project: dict[str, Any], model_version: str, queue: str = "window"
) -> dict[str, Any]:
    """Return the settings to send, {} when all are right: a needless write would echo for ever.

    Version and visibility always travel together: alone, the latter wipes the former.
    """
    wanted = required_settings(model_version, queue)
    wrong = {key: value for key, value in wanted.items() if project.get(key) != value}
    if wrong and model_version:
        wrong |= {"model_version": model_version, "show_collab_predictions": True}
    return wrong


def tab(
    columns: list[dict[str, Any]], image_key: str, *, queue: str = "window", note: str = ""
) -> dict[str, Any]:
    """Return the Data Manager tab in the order of the queue; its title says why nothing is open."""
    shown = {f"tasks:{name}" for name in SHOWN_COLUMNS} | {f"tasks:data.{image_key}"}
    names = [_column_name(column) for column in columns]
    hidden = [name for name in names if name not in shown and name != "tasks:data"]
    still_open = {
        "filter": "filter:tasks:completed_at",
        "operator": "empty",
        "type": "Datetime",
        "value": "true",
    }
    return {
        "title": f"{TAB_TITLE} ({note})" if note else TAB_TITLE,
        "type": "list",
        "target": "tasks",
        "ordering": ["tasks:predictions_score"],
        "filters": {"conjunction": "and", "items": [still_open] if queue == "window" else []},
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        "columnsWidth": {},
        "columnsDisplayType": {},
        "gridWidth": 4,
    }


def _column_name(column: dict[str, Any]) -> str:
    parent = column.get("parent")
    name = f"{parent}.{column['id']}" if parent else str(column["id"])
    return f"{column.get('target', 'tasks')}:{name}"
