"""A user's files: read as text, and written whole or not at all; trouble is told in one line.

Whatever people name in an option or a setting is read and written here, so that a folder where a
file is expected, a missing folder, a strange encoding or a full disk never ends in a traceback.
"""

import codecs
import errno
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from relabel.errors import ConfigurationError

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose little-endian mark is the beginning of this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks that say a text's encoding; without one it is UTF-8."""

LONGEST = 400
"""Characters of a name that are shown."""

REMEDIES = {
    errno.EACCES: "see who may read and write it",
    errno.EPERM: "see who may read and write it",
    errno.EROFS: "name a place that can be written",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.ENAMETOOLONG: "give it a shorter name",
}


def told(name: str | Path) -> str:
    """Return a path, or another name from outside, as people read it.

    It is one line, whatever bytes the name is made of; what is very long is cut in its middle.
    """
    text = os.fspath(name).encode("utf-8", "backslashreplace").decode()
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason(error: OSError) -> str:
    """Return what the system said, and what to do about it."""
    said = error.strerror or str(error) or type(error).__name__
    remedy = REMEDIES.get(error.errno or 0)
    return f"{said}; {remedy}" if remedy else said


def named(path: str | Path, option: str) -> str:
    """Return the beginning of a message about a path: where it was named, and the path."""
    joined = "" if not option else f"{option} " if option.startswith("--") else f"{option} = "
    return joined + told(path)


def read_bytes(path: Path, option: str = "") -> bytes:
    """Return a file's content.

    Args:
        path: of the file.
        option: the option or setting that named it, for the message; "" = none.

    Raises:
        ConfigurationError: it is missing, a folder, or may not be read.

    """
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise ConfigurationError(f"{named(path, option)} is a folder; name a file.") from error
    except (OSError, ValueError) as error:  # ValueError: no path of any system
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"{named(path, option)}: {said}.") from error


def read_text(path: Path, option: str = "") -> str:
    """Return a text file's content, see `decode_text`.

    Raises:
        ConfigurationError: it cannot be read, or is no text.

    """
    return decode_text(read_bytes(path, option), named(path, option))


def read_json(path: Path, option: str = "") -> Any:
    """Return what a JSON file holds.

    Raises:
        ConfigurationError: it cannot be read, or is no JSON; the message names line and column.

    """
    text = read_text(path, option)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        page = text.lstrip()[:1] == "<"
        what = "it is a web page; download the file while logged in" if page else error.msg
        raise ConfigurationError(f"{named(path, option)}, {where}: no JSON: {what}.") from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        what = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        raise ConfigurationError(f"{named(path, option)}: no usable JSON: {what}.") from error


def decode_text(content: bytes, name: str) -> str:
    """Return the text of a file: UTF-8, or whatever its byte order mark says.

    Args:
        content: of the file.
        name: of the file, for the message.

    Raises:
        ConfigurationError: naming line and byte; nothing is guessed, since a wrong guess would turn
            one class name into another.

    """
    if content.startswith((b"PK\x03\x04", b"%PDF")):
        raise ConfigurationError(
            f"{name} is no text but a workbook, archive or PDF; export what it holds as plain text."
        )
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{name}, line {line}: byte {content[error.start]:#04x} at offset {error.start} is not "
            f"{encoding.removesuffix('-sig').upper()}; save the file as UTF-8."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ConfigurationError(
            f"{name}, line {line}: a NUL character, which no text holds (UTF-16 without its mark?);"
            " save the file as UTF-8."
        )
    return text


def check_file(path: Path, option: str = "") -> None:
    """Refuse a path at which no file can be written, before the work that would fill it.

    Raises:
        ConfigurationError: it is a folder, or its own folder is missing or may not be written.

    """
    try:
        if path.is_dir():
            raise ConfigurationError(f"{named(path, option)} is a folder; name a file in it.")
        _check_writable(Path(os.path.realpath(path)).parent, path, option)
    except OSError as error:
        raise ConfigurationError(f"{named(path, option)}: {reason(error)}.") from error


def check_folder(path: Path, option: str = "") -> None:
    """Refuse a path at which no folder can be made or written into; nothing is made.

    Raises:
        ConfigurationError: it is a file, or lies where nothing may be written.

    """
    try:
        if path.exists() and not path.is_dir():
            raise ConfigurationError(f"{named(path, option)} is a file; name a folder.")
        real = Path(os.path.realpath(path))
        _check_writable(next(p for p in (real, *real.parents) if p.exists()), path, option)
    except OSError as error:
        raise ConfigurationError(f"{named(path, option)}: {reason(error)}.") from error


def _check_writable(folder: Path, path: Path, option: str) -> None:
    if not folder.exists():
        why = f"the folder {told(folder)} does not exist; make it first"
    elif not folder.is_dir():
        why = f"{told(folder)} is a file, no folder"
    elif not os.access(folder, os.W_OK | os.X_OK):
        why = f"nothing may be written into {told(folder)}; {REMEDIES[errno.EACCES]}"
    else:
        return
    raise ConfigurationError(f"{named(path, option)}: {why}.")


def write_file(path: Path, content: str | bytes, option: str = "") -> None:
    """Write a file whole: a reader sees the old content or the new, never half of it.

    Args:
        path: the file; an existing one is replaced and keeps its mode, a link is followed.
        content: text is written as UTF-8, as it is.
        option: the option or setting that named it, for the message; "" = none.

    Raises:
        ConfigurationError: it cannot be written; what was there is untouched.

    """
    check_file(path, option)
    # A name of bytes that are no text, from a file system, must not spoil the whole file.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if target.exists() and not target.is_file():  # a pipe, or the terminal
            target.write_bytes(data)
            return
        with unfinished.open("xb") as file:
            if target.exists():
                shutil.copymode(target, unfinished)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise ConfigurationError(f"{named(path, option)}: {reason(error)}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
