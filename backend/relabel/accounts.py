"""What was read, what became of it, and what was left out for which reason: books that balance.

Silence about something that was left out is a defect: whoever reads labels, votes, tasks or images
puts each of them into one part of a book, and the book refuses to be built if any is missing.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from relabel.errors import InvalidValuesError
from relabel.files import told

EXAMPLES = 5
"""Examples that a part keeps; more would hide the figures."""
ALIKE = 0.6
"""Least likeness, in [0, 1], of what is named as nearest."""


@dataclass(frozen=True, slots=True)
class Example:
    """One of the things in a part.

    value: as it was read; count: how often; nearest: what it may have been meant as, "" = none;
    quoted: whether it is text of a user's, whose blanks must be seen.
    """

    value: str
    count: int = 1
    nearest: str = ""
    quoted: bool = False

    def __str__(self) -> str:
        shown = f'"{told(self.value)}"' if self.quoted else self.value
        times = f" {self.count:,}" if self.count > 1 else ""
        return f"{shown}{times}" + (f" (nearest: {self.nearest})" if self.nearest else "")


@dataclass(frozen=True, slots=True)
class Part:
    """What became of some of the things in a book.

    name: as in figures, lower case with underscores; count: >= 0; text: the sentence for people,
    continuing "7 ..."; used: False = left out, and therefore always told; examples: a few of them,
    the most frequent first; kinds: how many different examples there are in all.
    """

    name: str
    count: int
    text: str
    used: bool = True
    examples: tuple[Example, ...] = ()
    kinds: int = 0

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.examples))
        more = max(self.kinds - len(self.examples), 0)
        tail = f" and {more:,} more" if more else ""
        return f"{self.count:,} {self.text}" + (f": {shown}{tail}" if shown else "")


@dataclass(frozen=True, slots=True)
class Book:
    """One kind of thing that was read, and what became of all of it.

    Raises:
        InvalidValuesError: the parts do not add up to the total.

    """

    name: str
    total: int
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        counted = sum(part.count for part in self.parts)
        if counted != self.total or any(part.count < 0 for part in self.parts):
            said = ", ".join(f"{part.name} {part.count}" for part in self.parts)
            raise InvalidValuesError(
                f"The book of {self.name} does not balance: {self.total} were read, "
                f"{counted} accounted for ({said})."
            )

    def count(self, name: str) -> int:
        """Return the count of a part, 0 if there is none of that name."""
        return sum(part.count for part in self.parts if part.name == name)

    @property
    def left_out(self) -> tuple[Part, ...]:
        """The parts that are not used, empty ones aside."""
        return tuple(part for part in self.parts if part.count and not part.used)

    def sums(self) -> str:
        """Return what the total is made of, in one line."""
        used = [f"{part.count:,} {part.text}" for part in self.parts if part.count and part.used]
        unused = sum(part.count for part in self.left_out)
        return ", ".join([*used, *([f"{unused:,} left out"] if unused else [])])

    def lines(self) -> tuple[str, ...]:
        """Return the sum in one line, then one line for each part that is left out."""
        sums = self.sums()
        first = f"{self.total:,} {self.name}" + (f": {sums}" if sums else "")
        return first, *(f"  left out: {part}" for part in self.left_out)


@dataclass(frozen=True, slots=True)
class Accounts:
    """All books of one project, data set or export."""

    books: tuple[Book, ...]

    def book(self, name: str) -> Book | None:
        """Return the book of that name, None if it is not kept."""
        return next((book for book in self.books if book.name == name), None)

    def lines(self) -> tuple[str, ...]:
        """Return the books as people read them."""
        return tuple(line for book in self.books for line in book.lines())

    def to_json(self) -> dict[str, Any]:
        """Return the books by name, ready for JSON, each with the lines that people read."""
        return {
            book.name: {
                "total": book.total,
                "lines": book.lines(),
                "parts": [
                    {
                        "name": part.name,
                        "count": part.count,
                        "used": part.used,
                        "text": part.text,
                        "examples": [
                            {"value": one.value, "count": one.count, "nearest": one.nearest}
                            for one in part.examples
                        ],
                    }
                    for part in book.parts
                ],
            }
            for book in self.books
        }


def part_of(
    name: str,
    text: str,
    found: Iterable[Hashable],
    *,
    used: bool = True,
    known: Iterable[str] = (),
) -> Part:
    """Return the part made of these things, one each.

    Args:
        name: of the part.
        text: the sentence for people.
        found: what each of them is told as: a value, a reason, a file; equal ones are counted.
        used: False = left out.
        known: what they might have been meant as, to name the nearest of it.

    """
    counted: Counter[Hashable] = Counter(found)
    return counted_part(name, text, counted, used=used, known=known)


def counted_part(
    name: str,
    text: str,
    counted: Mapping[Any, int],
    *,
    used: bool = True,
    known: Iterable[str] = (),
) -> Part:
    """Return the part made of things that were counted already, see `part_of`."""
    names = tuple(known)
    first = sorted(counted.items(), key=lambda item: (-item[1], len(str(item[0])), str(item[0])))
    examples = tuple(
        Example(str(value), times, nearest(str(value), names), quoted=isinstance(value, str))
        for value, times in first[:EXAMPLES]
    )
    return Part(name, sum(counted.values()), text, used, examples, len(counted))


def nearest(value: str, known: Iterable[str]) -> str:
    """Return the known name that a value most looks like, "" = none: a hint, never a decision."""
    by_bare = {_bare(name): name for name in known}
    found = get_close_matches(_bare(value), by_bare, n=1, cutoff=ALIKE)
    return by_bare[found[0]] if found else ""


def _bare(text: str) -> str:
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
