"""The books of a data set: samples are left out in one place, and never without a line about it."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from relabel.accounts import EXAMPLES, Accounts, Book, Example, Part, counted_part
from relabel.errors import ConfigurationError
from relabel.files import told
from relabel.simulation.data.dataset import Dataset
from relabel.types import BoolArray, IntArray

SHOWN = 12
"""Classes that are named with their number of samples; of more, the largest."""

BLANKS = {"nan", "none", "null", "na", "n/a", "-", "?"}
"""What programs write for a missing value, which is read as a class here."""


def listed(name: str, text: str, places: Sequence[str]) -> Part:
    """Return the part that is left out, one thing at each place; the first places are examples."""
    examples = tuple(Example(place) for place in places[:EXAMPLES])
    return Part(name, len(places), text, used=False, examples=examples, kinds=len(places))


def used(count: int, text: str = "used") -> Part:
    """Return the part that is used."""
    return Part("used", count, text)


def with_book(data: Dataset, *books: Book) -> Dataset:
    """Return the data set with further books."""
    return replace(data, accounts=Accounts((*data.accounts.books, *books)))


def names_of(data: Dataset, rows: Iterable[int]) -> list[str]:
    """Return what people know these samples by: the image file, else the number of the row."""
    if not data.paths:
        return [f"row {row}" for row in rows]
    return [short_path(data, row) for row in rows]


def short_path(data: Dataset, row: int) -> str:
    """Return a sample's image file with its folder, short enough for a line with others."""
    return told(Path(*Path(data.paths[row]).parts[-2:]))


def keep(data: Dataset, kept: BoolArray, name: str, left_out: Part) -> Dataset:
    """Return the samples that are kept, with a book that tells of the others.

    A class that loses all its samples is left out with them.

    Args:
        data: N samples.
        kept: (N,) which of them stay.
        name: of the book, what N counts.
        left_out: the others.

    Raises:
        ConfigurationError: fewer than two classes would be left.

    """
    if kept.all():
        return data
    book = Book(name, len(data), (used(int(kept.sum())), left_out))
    before = data.classes
    data = _without_empty_classes(with_book(data.rows(np.flatnonzero(kept)), book), str(left_out))
    gone = [f'"{told(c)}"' for c in before if c not in data.classes]
    if not gone:
        return data
    parts = (used(len(data.classes)), listed("empty", "without a sample", gone))
    return with_book(data, Book("classes", len(before), parts))


def _without_empty_classes(data: Dataset, why: str) -> Dataset:
    occurs = data.distributions.sum(0) > 0
    if data.given is not None:
        occurs[data.given[data.given >= 0]] = True
    if (data.distributions.sum(0) > 0).sum() < 2:
        raise ConfigurationError(
            f"{data.name}: {len(data)} samples are left, which do not make two classes; "
            f"left out: {why}."
        )
    number = np.cumsum(occurs) - 1
    given = data.given
    return replace(
        data,
        classes=tuple(c for c, there in zip(data.classes, occurs, strict=True) if there),
        distributions=data.distributions[:, occurs],
        given=None if given is None else np.where(given >= 0, number[given], -1),
    )


def with_first_labels(data: Dataset) -> Dataset:
    """Return the samples that have a first label: one that is missing is never a wrong one.

    Raises:
        ConfigurationError: there are no two classes of them.

    """
    given = data.given
    if given is None:
        return data
    missing = np.flatnonzero(given < 0)
    strange = _of_no_sample(data, given)
    plain = len(data) - len(missing) - strange.count
    absent = listed("missing", "missing: the sample is left out", names_of(data, missing))
    book = Book("first labels", len(data), (used(plain), strange, absent))
    kept = keep(data, given >= 0, "first labels", absent)
    # The book that says more instead of the plain one.
    others = [b for b in kept.accounts.books if b.name != "first labels"]
    return replace(kept, accounts=Accounts((*others, book)))


def _of_no_sample(data: Dataset, given: IntArray) -> Part:
    """Return the first labels whose class no sample truly has: perhaps a misspelt one."""
    strange = np.isin(given, np.flatnonzero(~np.isin(np.arange(len(data.classes)), data.truth)))
    strange &= given >= 0
    counted = Counter(data.classes[c] for c in given[strange])
    known = [data.classes[c] for c in np.unique(data.truth)]
    shown = counted_part("strange", "", counted, known=known)
    examples = ", ".join(map(str, shown.examples))
    return Part("strange", shown.count, f"used, though no sample truly is {examples}")


def without_first_labels(data: Dataset, noise: str) -> Dataset:
    """Return the data set without its own first labels, where a noise model draws them."""
    if data.given is None:
        return data
    there = int((data.given >= 0).sum())
    parts = (
        Part("aside", there, f"not used: {noise} noise draws the first labels", used=False),
        Part("missing", len(data) - there, "missing"),
    )
    return replace(with_book(data, Book("first labels", len(data), parts)), given=None)


def by_class(data: Dataset) -> Dataset:
    """Return the data set with the book of its samples by true class, the last one."""
    counted = Counter(data.truth.tolist())
    most = [c for c, _ in counted.most_common()]
    alike = Counter(_bare(name) for name in data.classes)
    parts = [
        Part(data.classes[c], counted[c], f'"{told(data.classes[c])}"{_doubt(data, c, alike)}')
        for c in most[:SHOWN]
    ]
    rest = most[SHOWN:]
    parts.append(Part("", sum(counted[c] for c in rest), f"of {len(rest):,} more classes"))
    return with_book(data, Book("samples", len(data), tuple(parts)))


def _doubt(data: Dataset, c: int, alike: Counter[str]) -> str:
    name = data.classes[c]
    if alike[_bare(name)] > 1:
        return " (kept apart, though another differs in case or blanks only)"
    if name.casefold() in BLANKS:
        return " (read as a class; empty the cell if it is none)"
    return ""


def _bare(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(text.replace("_", " ").replace("-", " ").split())
