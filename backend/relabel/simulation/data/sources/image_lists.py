"""Data sets that are a table of image files: any CSV file, ISIC 2019."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from relabel.accounts import Accounts, Book, Part
from relabel.errors import ConfigurationError
from relabel.files import told
from relabel.simulation.data.books import listed, used
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.files import data_dir, find
from relabel.simulation.data.tables import Row, Table, read_table

IMAGE, TRUTH, LABEL = "image", "truth", "label"

NO_ISIC_CLASSES = {IMAGE, "UNK"}
"""Columns of ISIC's table that are no classes."""


def csv_file(folder: Path) -> Dataset:
    """labels.csv with the columns image, truth and, if there are initial labels, label.

    Image paths are relative to the CSV file.
    """
    path = _table_in(folder)
    table = read_table(path, (IMAGE, TRUTH), (LABEL,))
    paths = [_image_of(path, row.cells[IMAGE]) for row in table.rows]
    kept, left_out = _sorted_out(table, paths, lambda row: row.cells[TRUTH])
    rows = [table.rows[i] for i in kept]
    truths = [row.cells[TRUTH] for row in rows]
    labels = [row.cells.get(LABEL, "") for row in rows]
    _refuse_single_class(table, set(truths), left_out)
    classes = tuple(sorted({*truths, *filter(None, labels)}))
    number = {name: c for c, name in enumerate(classes)}
    given = None
    if LABEL in table.columns:
        given = np.array([number.get(label, -1) for label in labels], dtype=np.int64)
    return Dataset(
        name=path.name.split(".")[0],
        classes=classes,
        distributions=certain(np.array([number[name] for name in truths]), len(classes)),
        paths=tuple(paths[i] for i in kept),
        given=given,
        accounts=Accounts((table.headings, _rows_book(rows, left_out))),
    )


def isic2019(folder: Path) -> Dataset:
    """ISIC 2019 skin lesions: ISIC_2019_Training_GroundTruth.csv and the folder of its images."""
    source = "https://challenge.isic-archive.com/data/#2019"
    stem = "ISIC_2019_Training_GroundTruth.csv"
    table = read_table(find(folder, (stem, stem + ".gz"), "isic2019", source), (IMAGE,))
    images = find(folder, ("ISIC_2019_Training_Input",), "isic2019", source)
    classes = tuple(c for c in table.columns if c not in NO_ISIC_CLASSES)
    truth = {row.line: _isic_class(table, row, classes) for row in table.rows}
    paths = [str(images / f"{row.cells[IMAGE]}.jpg") for row in table.rows]
    kept, left_out = _sorted_out(table, paths, lambda row: truth[row.line])
    rows = [table.rows[i] for i in kept]
    _refuse_single_class(table, {truth[row.line] for row in rows}, left_out)
    labels = np.array([classes.index(truth[row.line]) for row in rows])
    return Dataset(
        name="isic2019",
        classes=classes,
        distributions=certain(labels, len(classes)),
        paths=tuple(paths[i] for i in kept),
        accounts=Accounts((_rows_book(rows, left_out),)),
    )


def _isic_class(table: Table, row: Row, classes: Sequence[str]) -> str:
    """Return the class with a 1 in its column, "" = none."""
    for name in classes:
        if row.cells[name] not in {"0", "0.0", "1", "1.0"}:
            raise ConfigurationError(
                f"{told(table.path)}, line {row.line}, column {name}: {row.cells[name]!r} must be "
                "0 or 1."
            )
    return next((name for name in classes if row.cells[name].startswith("1")), "")


def _table_in(folder: Path) -> Path:
    if folder.is_file():
        return folder
    path = folder / "labels.csv"
    if path.is_file():
        return path
    near = sorted(p.name for p in folder.glob("*.[ct]sv*")) if folder.is_dir() else []
    there = (
        f"; there is {told(near[0])}: name it, --data-dir {told(folder / near[0])}" if near else ""
    )
    raise ConfigurationError(
        f"dataset='csv' needs labels.csv in {data_dir(folder)}, with the columns image, truth and "
        f"optionally label{there}."
    )


def _image_of(table: Path, cell: str) -> str:
    """Return the path of an image that a cell names, from Windows too."""
    path = table.parent / cell
    if "\\" in cell and not _is_file(path):
        path = table.parent / cell.replace("\\", "/")
    return str(path)


def _is_file(path: str | Path) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # no path of this system
        return False


def _sorted_out(
    table: Table, paths: Sequence[str], truth_of: Callable[[Row], str]
) -> tuple[list[int], tuple[Part, ...]]:
    """Return which rows are used, and the others by reason, with their lines."""
    truths: dict[str, set[str]] = {}
    for row, path in zip(table.rows, paths, strict=True):
        truths.setdefault(path, set()).update({truth_of(row)} - {""})
    first: dict[str, int] = {}
    kept: list[int] = []
    reasons: dict[str, list[str]] = {name: [] for name in REASONS}
    for i, (row, path) in enumerate(zip(table.rows, paths, strict=True)):
        where = f"line {row.line}"
        image = told(row.cells[IMAGE])
        if not image:
            reasons["no_image"].append(where)
        elif not truth_of(row):
            reasons["no_truth"].append(where)
        elif not _is_file(path):
            reasons["no_file"].append(f"{where} ({image})")
        elif len(truths[path]) > 1:
            reasons["unclear"].append(f"{where} ({image})")
        elif path in first:
            reasons["again"].append(f"{where} (as line {first[path]})")
        else:
            first[path] = row.line
            kept.append(i)
    parts = (listed(name, REASONS[name], places) for name, places in reasons.items())
    return kept, (*table.unread, *parts)


REASONS: Mapping[str, str] = {
    "no_image": "without an image",
    "no_truth": "without a truth",
    "no_file": "of an image that is not there",
    "unclear": "of an image that another row calls something else",
    "again": "of an image that an earlier row has",
}
"""Why a row is not used."""


def _rows_book(rows: Sequence[Row], left_out: tuple[Part, ...]) -> Book:
    padded = [row for row in rows if row.padded]
    such = f', as "{told(padded[0].padded)}" in line {padded[0].line}' if padded else ""
    parts = (
        used(len(rows) - len(padded)),
        Part("padded", len(padded), f"used without the blanks around a cell{such}"),
        *left_out,
    )
    return Book("rows", sum(part.count for part in parts), parts)


def _refuse_single_class(table: Table, classes: set[str], left_out: tuple[Part, ...]) -> None:
    if len(classes) > 1:
        return
    found = f"only {told(classes.pop())!r}" if classes else "none"
    why = "; ".join(str(part) for part in left_out if part.count)
    raise ConfigurationError(
        f"{told(table.path)} must name at least two classes; of "
        f"{len(table.rows) + sum(part.count for part in table.unread)} rows, the usable ones name "
        f"{found}{f'; left out: {why}' if why else ''}."
    )
