"""Data sets that are folders of image files, one for each class."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from relabel.accounts import Accounts, Book
from relabel.errors import ConfigurationError
from relabel.files import reason, told
from relabel.media.image.decode import FORMATS
from relabel.simulation.data.books import listed, used
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.files import find

HIDDEN = {"__macosx", "thumbs.db", "desktop.ini", "@eadir"}
"""What systems leave beside people's files; names that begin with a dot are hidden as well."""

SPLITS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
"""Names of parts of a data set, each of which holds the classes."""

LOOKED_AT = 16
"""Bytes by which the kind of an image is known."""

NCT_CRC = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
"""Tissue classes of NCT-CRC-HE-100K, one folder each."""


def image_folder(folder: Path) -> Dataset:
    """Any folder that holds one folder of images per class; these labels count as the truth."""
    return class_folders(folder, folder.resolve().name or "image_folder")


def nct_crc(folder: Path) -> Dataset:
    """NCT-CRC-HE-100K: colorectal tissue tiles, one folder per class."""
    source = "https://zenodo.org/records/1214456 (NCT-CRC-HE-100K.zip)"
    inside = find(folder, ("NCT-CRC-HE-100K",), "nct_crc", source)
    for name in NCT_CRC:
        find(inside, (name,), "nct_crc", source)
    return class_folders(inside, "nct_crc")


@dataclass(slots=True)
class _Found:
    """What lies in a folder. images: path and class; the others, as they are told, by kind."""

    root: Path
    images: list[tuple[Path, str]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def book(self) -> Book:
        """Return what became of every file, and of every folder that was not entered."""
        parts = (
            used(len(self.images), "images"),
            listed("hidden", "hidden", self.hidden),
            listed("foreign", "of no image format that is read", self.foreign),
            listed("outside", "not in the folder of a class", self.outside),
            listed("bare", "folders without an image", self.bare),
            listed("closed", "not to be opened", self.closed),
        )
        return Book("files and folders", sum(part.count for part in parts), parts)

    def told(self, path: str | Path) -> str:
        return f'"{told(os.path.relpath(path, self.root))}"'


def class_folders(folder: Path, name: str, skip: tuple[str, ...] = ()) -> Dataset:
    """Return the images below `folder`, their class named by the folder they lie in.

    Deeper folders belong to the class above them. `skip`: classes to leave aside.

    Raises:
        ConfigurationError: there are no two classes; the message says what was found instead.

    """
    found = _found(folder, skip)
    classes = tuple(sorted({name for _, name in found.images}))
    _refuse_splits(folder, classes)
    if len(classes) < 2:
        raise ConfigurationError(_no_classes(found, classes))
    number = {name: c for c, name in enumerate(classes)}
    labels = np.array([number[name] for _, name in found.images])
    return Dataset(
        name=name,
        classes=classes,
        distributions=certain(labels, len(classes)),
        paths=tuple(str(path) for path, _ in found.images),
        accounts=Accounts((found.book(),)),
    )


def _found(folder: Path, skip: tuple[str, ...]) -> _Found:
    found = _Found(folder)
    for entry in _entries(folder, found):
        if entry.name in skip:
            continue
        if is_hidden(entry.name):
            found.hidden.append(found.told(entry.path))
        elif not entry.is_dir():
            found.outside.append(found.told(entry.path))
        else:
            before = len(found.images)
            _enter(entry, entry.name, found, (_identity(folder),))
            if len(found.images) == before:
                found.bare.append(found.told(entry.path))
    return found


def _entries(folder: Path, found: _Found) -> Iterator["os.DirEntry[str]"]:
    """Yield what lies in the folder, by name."""
    try:
        inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        if folder == found.root:
            raise ConfigurationError(
                f"--data-dir {told(folder)}: {reason(error)}; name a folder that holds one folder "
                "of images per class."
            ) from error
        found.closed.append(f"{found.told(folder)} ({reason(error)})")
        return
    yield from inside


def _enter(
    entry: "os.DirEntry[str]", name: str, found: _Found, above: tuple[tuple[int, int], ...]
) -> None:
    """Read a class's folder and those in it; `above`: where links must not lead back to."""
    identity = _identity(entry)
    if identity in above:
        found.closed.append(f"{found.told(entry.path)} (a link to a folder that it lies in)")
        return
    for inside in _entries(Path(entry.path), found):
        if is_hidden(inside.name):
            found.hidden.append(found.told(inside.path))
        elif inside.is_dir():
            _enter(inside, name, found, (*above, identity))
        elif _is_image(inside, found):
            found.images.append((Path(inside.path), name))


def _is_image(entry: "os.DirEntry[str]", found: _Found) -> bool:
    """Return whether a file is an image, by its name or its first bytes; else note what it is."""
    if not entry.is_file():
        found.closed.append(f"{found.told(entry.path)} (no file, or a link that leads nowhere)")
        return False
    if Path(entry.name).suffix.lower() in suffixes():
        return True
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123  a path of any bytes
            head = file.read(LOOKED_AT)
    except OSError as error:
        found.closed.append(f"{found.told(entry.path)} ({reason(error)})")
        return False
    if not begins_as_image(head):
        found.foreign.append(found.told(entry.path))
        return False
    return True


def _identity(folder: "Path | os.DirEntry[str]") -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def is_hidden(name: str) -> bool:
    """Return whether people do not see a file of this name, or not as theirs."""
    return name.startswith(".") or name.casefold() in HIDDEN


@cache
def suffixes() -> frozenset[str]:
    """Return the suffixes of the formats that are decoded, lower case, with their dot."""
    every = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in every.items() if kind in FORMATS)


def begins_as_image(head: bytes) -> bool:
    """Return whether a file that begins so is of a format that is decoded, whatever its name."""
    suffixes()  # Pillow knows its formats once it was asked for them
    accepts = [Image.OPEN[kind][1] for kind in FORMATS]
    return any(accept is not None and accept(head) is True for accept in accepts)


def _refuse_splits(folder: Path, classes: tuple[str, ...]) -> None:
    if len(classes) < 2 or not {name.casefold() for name in classes} <= SPLITS:
        return
    inner = [_inner(folder / name) for name in classes]
    if all(inner):
        raise ConfigurationError(
            f"--data-dir {told(folder)} holds parts of a data set ({_told(classes)}), not "
            f"classes; name one of them, such as {told(folder / classes[0])}, whose folders are "
            f"{_told(inner[0])}."
        )


SHOWN_FOLDERS = 5


def _told(names: Sequence[str]) -> str:
    more = len(names) - SHOWN_FOLDERS
    return ", ".join(map(told, names[:SHOWN_FOLDERS])) + (f" and {more} more" if more > 0 else "")


def _inner(folder: Path) -> list[str]:
    """Return the names of the folders in a folder that people see."""
    return sorted(e.name for e in os.scandir(folder) if e.is_dir() and not is_hidden(e.name))


def _no_classes(found: _Found, classes: tuple[str, ...]) -> str:
    """Say what was found instead of two classes."""
    wanted = (
        f"--data-dir {told(found.root)} must hold at least two folders of images, one per class"
    )
    left_out = "; ".join(map(str, found.book().left_out))
    if not classes:
        return f"{wanted}; found none{f': {left_out}' if left_out else ''}."
    inner = _inner(found.root / classes[0])
    remedy = ""
    if len(inner) > 1:
        below = told(found.root / classes[0])
        remedy = f". If its folders are the classes ({_told(inner)}), name {below}"
    only = f"{told(classes[0])} with {len(found.images):,} images"
    return f"{wanted}; found one, {only}{f'; {left_out}' if left_out else ''}{remedy}."
