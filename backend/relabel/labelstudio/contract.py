"""The settings with which Label Studio Community serves the lowest score first, and the tab.

One person at a time (`maximum_annotations` 1), uncertainty sampling over the predictions of exactly
one version, and `show_collab_predictions` on: with it off, Label Studio's own Save button wipes the
version and the order becomes random. The predictions hold no suggestion, so the form stays empty.
"""

import re
from collections.abc import Sequence
from typing import Any

SAMPLING = "Uncertainty sampling"
TAB_TITLE = "Relabel queue"
WEBHOOK_TOKEN_HEADER = "X-Relabel-Token"  # noqa: S105  a name and no secret
"""Header by which a webhook proves that `relabel connect` made it."""
COUNTERS = ("total_annotations", "cancelled_annotations")
"""What Label Studio counts of a task's annotations: those that answer, and those that skip."""
SHOWN_COLUMNS = ("id", "total_annotations", "annotators", "updated_at")
"""Without the score: people who label use the tab, too, and a score is a hint."""
SCORE_COLUMN = "tasks:predictions_score"
HEADLINES = ("Paused", "Stopped", "Finished")
"""First words of the tab's title while nothing is open: Label Studio cuts what is longer."""
NOTICE_MARK = "[Relabel]"
"""Before a headline: beginning of the line in a project's description that says why nothing is
open."""
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
    columns: Sequence[dict[str, Any]], image_key: str, *, queue: str = "window", headline: str = ""
) -> dict[str, Any]:
    """Return the Data Manager tab in the order of the queue.

    Args:
        columns: of the Data Manager.
        image_key: field of task.data that holds the image.
        queue: see `Policy.queue`.
        headline: one of `HEADLINES` while nothing is open, "" = work goes on.

    """
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
        "title": f"{headline}: {TAB_TITLE}" if headline else TAB_TITLE,
        "type": "list",
        "target": "tasks",
        "ordering": [SCORE_COLUMN],
        "filters": {"conjunction": "and", "items": [still_open] if queue == "window" else []},
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        "columnsWidth": {},
        "columnsDisplayType": {},
        "gridWidth": 4,
    }


def is_tab_title(title: str) -> bool:
    """Return whether this backend gives tabs that title."""
    return title in {TAB_TITLE, *(f"{headline}: {TAB_TITLE}" for headline in HEADLINES)}


def tab_to_change(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, str]:
    """Return what the queue needs of a tab and does not find, each with how it is instead.

    Args:
        found: the tab's data as Label Studio has it.
        wanted: the tab as `tab` makes it.

    Everything else is people's: the other columns, widths, list or grid, and in the queue "view",
    which opens no tasks of its own, the filter as well.
    """
    filters = wanted["filters"]["items"]
    said = {
        "title": repr(found.get("title", "")),
        "order": ", ".join(found.get("ordering") or []) or "none",
        "filter": _filter_text(found),
        "score column": "shown to people who label",
    }
    wrong = {
        "title": found.get("title") != wanted["title"],
        "order": found.get("ordering") != wanted["ordering"],
        "filter": bool(filters) and _filters(found) != filters,
        "score column": any(SCORE_COLUMN not in columns for columns in _hidden(found).values()),
    }
    return {key: said[key] for key, applies in wrong.items() if applies}


def repaired_tab(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a tab's data with what the queue needs of it, and the rest as people set it."""
    kept = ("title", "ordering", *(("filters",) if wanted["filters"]["items"] else ()))
    hidden = {
        mode: columns if SCORE_COLUMN in columns else [*columns, SCORE_COLUMN]
        for mode, columns in _hidden(found).items()
    }
    return found | {key: wanted[key] for key in kept} | {"hiddenColumns": hidden}


_NOTICE_LINE = re.compile(
    rf"^{re.escape(NOTICE_MARK)} ({'|'.join(HEADLINES)}): .*(\n|\Z)", re.MULTILINE
)


def with_notice(description: str | None, headline: str, reason: str) -> str:
    """Return a project's description with the reason as its first line, headline "" = without."""
    rest = _NOTICE_LINE.sub("", description or "")
    if not headline:
        return rest
    return "\n".join(text for text in (f"{NOTICE_MARK} {headline}: {reason}", rest) if text)


def _hidden(found: dict[str, Any]) -> dict[str, list[str]]:
    hidden = found.get("hiddenColumns") or {}
    return {mode: list(hidden.get(mode) or []) for mode in ("explore", "labeling")}


def _filters(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a tab's filters without what Label Studio may add to them."""
    keys = ("filter", "operator", "type", "value", "child_filter")
    items = (found.get("filters") or {}).get("items") or []
    return [{key: item[key] for key in keys if item.get(key) is not None} for item in items]


def _filter_text(found: dict[str, Any]) -> str:
    said = [
        f"{str(item.get('filter', '')).removeprefix('filter:tasks:')} {item.get('operator', '')}"
        for item in _filters(found)
    ]
    return ", ".join(said) or "none"


def _column_name(column: dict[str, Any]) -> str:
    parent = column.get("parent")
    name = f"{parent}.{column['id']}" if parent else str(column["id"])
    return f"{column.get('target', 'tasks')}:{name}"
