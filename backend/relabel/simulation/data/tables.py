"""Tables of text: CSV files as people and their programs write them.

Separated by comma, semicolon, tab or bar; in UTF-8, or UTF-16 with its mark; compressed or not.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from relabel.accounts import Book, Part, nearest, part_of
from relabel.errors import ConfigurationError
from relabel.files import decode_text, read_bytes, told
from relabel.simulation.data.books import listed, used

SEPARATORS = ",;\t|"
STATED = re.compile(r"sep=(.)\r?\n")
"""What spreadsheet programs write above the heading."""

SHOWN = 10
"""Columns that are named where one is missing."""

GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    line: of the file, where it begins, 1 = the first; cells: by column, without the blanks around
    them; padded: the first cell that had some, as it was, "" = none.
    """

    line: int
    cells: dict[str, str]
    padded: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file that have a cell for each column, and what became of the others.

    columns: as they are called in `Row.cells`; unread: rows that are left out; headings: the book
    of the columns.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    unread: tuple[Part, ...]
    headings: Book


def read_table(path: Path, wanted: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Return the rows of a CSV file.

    Args:
        path: of the file, which may be compressed with gzip.
        wanted: columns that must be there, by name; case and blanks around it do not matter.
        optional: columns that are read too if they are there.

    Raises:
        ConfigurationError: the file cannot be read, is no table, or lacks a wanted column.

    """
    text = decode_text(_unpacked(path), told(path))
    first, separator, text = _separated(text, wanted)
    rows = _parsed(text, separator, first, path)
    heading = next(rows, None)
    if heading is None:
        raise ConfigurationError(f"{told(path)} is empty; its first row names the columns.")
    columns = _columns(heading[1], wanted, optional, path)
    good, empty, cut = [], [], []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            empty.append(f"line {line}")
        elif len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            cut.append(f"line {line} ({len(cells)} instead of {len(columns)})")
        else:
            bare = {c: cell.strip() for c, cell in zip(columns, cells, strict=False)}
            known = [c for c in (*wanted, *optional) if c in bare]
            padded = [cell for c in known if (cell := cells[columns.index(c)]) != bare[c]]
            good.append(Row(line, bare, padded[0] if padded else ""))
    unread = (
        listed("empty", "empty", empty),
        listed("cut", "of another number of cells than the heading", cut),
    )
    return Table(path, columns, tuple(good), unread, _headings(columns, wanted, optional))


def _unpacked(path: Path) -> bytes:
    content = read_bytes(path)
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(
            f"{told(path)}: the compressed file is damaged or cut off ({error}); copy it again."
        ) from error


def _separated(text: str, wanted: Sequence[str]) -> tuple[int, str, str]:
    """Return the number of the first line, the separator, and the text without a line that says it.

    The separator is the one by which most of the wanted columns are found, then the one that makes
    most columns: guessing by the cells, as programs do, takes a comma in a name for a separator.
    """
    stated = STATED.match(text)
    if stated and stated[1] in SEPARATORS:
        return 2, stated[1], text[stated.end() :]
    lines = (line for line in io.StringIO(text, newline="") if line.strip())
    head = next(lines, "")

    def found(separator: str) -> tuple[int, int]:
        names = [name.strip(' "\r\n').casefold() for name in head.split(separator)]
        return sum(name in names for name in wanted), len(names)

    return 1, max(SEPARATORS, key=found), text


def _parsed(text: str, separator: str, first: int, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank with the line that it begins in."""
    # A quotation mark after a blank is one only if blanks are skipped.
    spaced = re.search(rf'{re.escape(separator)} +"', text) is not None
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=spaced
    )
    while True:
        line = first + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ConfigurationError(
                f"{told(path)}, line {line}: {error}; see to the quotation marks from there on."
            ) from error
        if cells:
            yield line, cells


def _columns(
    heading: list[str], wanted: Sequence[str], optional: Sequence[str], path: Path
) -> tuple[str, ...]:
    while heading and not heading[-1].strip():
        heading = heading[:-1]  # a separator at the end of each line
    known = {name.casefold(): name for name in (*wanted, *optional)}
    columns = tuple(known.get(cell.strip().casefold(), cell.strip()) for cell in heading)
    missing = [name for name in wanted if name not in columns]
    if missing:
        found = ", ".join(repr(told(c)) for c in columns[:SHOWN]) or "none"
        found += f" and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
        hints = [f"{told(n)!r} is nearest to {m!r}" for m in missing if (n := nearest(m, columns))]
        raise ConfigurationError(
            f"{told(path)} has no column {' and no column '.join(map(repr, missing))}; its first "
            f"row names {found}{''.join(f', where {hint}' for hint in hints)}."
        )
    twice = [name for name in known.values() if columns.count(name) > 1]
    if twice:
        raise ConfigurationError(f"{told(path)} has several columns {twice[0]!r}; keep one.")
    return columns


def _headings(columns: Sequence[str], wanted: Sequence[str], optional: Sequence[str]) -> Book:
    names = (*wanted, *optional)
    others = [c for c in columns if c not in names]
    unread = part_of("unread", "not read", others, used=False, known=names)
    return Book("columns", len(columns), (used(len(columns) - len(others)), unread))
