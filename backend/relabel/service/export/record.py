"""What was exported when, and which corrected labels no export holds yet."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from relabel.service.context import Context
from relabel.service.votes.settled import EVERY, By
from relabel.storage.changes import newest_annotations
from relabel.storage.database import reading
from relabel.storage.writes import list_writes, log_write

EXPORT = "export"
"""Run under which the log of writes keeps the exports."""

PART = "settled_by"
"""What an export notes that holds only some tasks: how these were settled."""


PARTLY = "Exports with --settled-by hold some tasks alone and are not counted here."


def log_export(
    context: Context,
    number: int,
    form: str,
    out: Path,
    held: Mapping[str, int],
    kept: Collection[By],
) -> None:
    """Note what was exported, and the newest change that it includes.

    Args:
        context: the store.
        number: id of the project.
        form: of the file.
        out: the file.
        held: how many tasks are in it, by what they are.
        kept: how these were settled.

    """
    part = {} if set(kept) >= EVERY else {PART: sorted(kept)}
    with context.engine.begin() as connection:
        newest = max(newest_annotations(connection, number).values(), default="")
        after = {**held, **part, "newest": newest}
        log_write(connection, number, EXPORT, form, str(out), after=after)


def not_exported(context: Context, number: int, corrected: Iterable[int]) -> str:
    """Say how many of the corrected tasks no export of all tasks holds; times are Label Studio's.

    An export of a part does not count: a task in it may be settled otherwise by now, or then.

    Args:
        context: the store.
        number: id of the project.
        corrected: ids of the tasks whose label was corrected.

    """
    with reading(context.engine) as connection:
        exports = list_writes(connection, number, EXPORT)
        newest = newest_annotations(connection, number)
    tasks = list(corrected)
    if not tasks:
        return "No label was corrected."
    whole = [export for export in exports if PART not in export.after]
    partly = "" if len(whole) == len(exports) else f" {PARTLY}"
    if not whole:
        return f"{_labels(len(tasks))} never exported.{partly}"
    last = whole[-1]
    since = sum(newest.get(task, "") > last.after["newest"] for task in tasks)
    day = datetime.fromtimestamp(last.at, UTC).date().isoformat()
    if not since:
        return f"All {len(tasks):,} corrected labels are in the export of {day}: {last.target}."
    came = "it came" if since == 1 else "they came"
    return f"{_labels(since)} never exported: {came} after the export of {day}.{partly}"


def _labels(count: int) -> str:
    return f"{count:,} corrected {'label was' if count == 1 else 'labels were'}"
