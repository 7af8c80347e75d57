"""Every message that a person can meet has an entry in docs/troubleshooting.md.

An entry quotes the message, or a part of it that is not found in others, in *italics*, in **bold**
or as a heading; "..." and numbers stand for what differs from case to case.
"""

import html
import re
from functools import cache
from pathlib import Path

import pytest
import relabel
import relabel.errors
from messages import ENOUGH, HOLE, Message, Source, letters
from relabel.errors import RelabelError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md"
PACKAGE = Path(relabel.__file__).parent

ERRORS = {
    name
    for name, kind in vars(relabel.errors).items()
    if isinstance(kind, type) and issubclass(kind, RelabelError)
}
MET_BY_NOBODY = {
    "InvalidValuesError": "an array breaks the contract of the numerics: a mistake of ours",
}
OF_VALIDATORS = "ValueError"
"""What settings and policy refuse reaches people inside a ConfigurationError."""
LEAST = 6
"""Letters below which a text only joins others, which have their own entries."""

BLOCK = re.compile(r"^```.*?^```|^<!--.*?-->$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", re.DOTALL)
ITALIC = re.compile(r"(?<![*\w\\])\*(?=[^\s*])(.+?)(?<=[^\s\\])\*(?![*\w])", re.DOTALL)
DIFFERS = re.compile(r"\s*(?:https?://\S+|\.\.\.)\s*")
OR_NUMBERS = re.compile(DIFFERS.pattern.replace("|", r"|\d+|"))
FIRST_CELL = re.compile(r"^\| (\*.+?) \|", re.MULTILINE)


@cache
def source():
    return Source(PACKAGE)


@cache
def every_message():
    """Return what people can meet, in the order of the modules; found when a test first asks."""
    kinds = (ERRORS - set(MET_BY_NOBODY)) | {OF_VALIDATORS, "Finding"}
    found = {m for m in source().messages(kinds) if letters(m.text) >= LEAST}
    return sorted(found, key=lambda message: message.where)


@cache
def plain(text):
    """Return a text as it is read: without marks, in small letters, on one line."""
    read = html.unescape(re.sub(r"[`*\\]", "", text))
    return re.sub(r"\s+", " ", read).strip().lower()


def quotes(text):
    """Return what a page quotes, each as its fixed parts."""
    text = BLOCK.sub("", text)
    bold = BOLD.findall(text)
    found = [*HEADING.findall(text), *bold, *ITALIC.findall(BOLD.sub("", text))]
    return [parts for quote in found for parts in readings(quote) if parts]


def readings(quote):
    """Return the fixed parts of a quotation, its numbers taken as they are and as any numbers."""
    text = plain(quote).strip(" .:")
    return [[part for part in split.split(text) if part] for split in (DIFFERS, OR_NUMBERS)]


def says(text, parts):
    """Return whether a text holds the parts in this order, enough of it to be told from others."""
    at, said = 0, plain(text)
    for part in parts:
        found = said.find(part, at)
        if found < 0 or HOLE in part:
            return False
        at = found + len(part)
    return sum(map(len, parts)) >= min(ENOUGH, letters(text))


def undocumented(messages, page):
    found = quotes(page)
    return [message for message in messages if not any(says(message.text, q) for q in found)]


def longest_part(text):
    return max(text.split(HOLE), key=letters).strip(" .:;,()'\"\n")


def test_every_message_has_an_entry():
    places: dict[str, list[str]] = {}
    for message in undocumented(every_message(), PAGE.read_text()):
        places.setdefault(message.text, []).append(f"{message.where} ({message.kind})")
    told = [
        f"{', '.join(where)}: {text!r}\n    quote for example *{longest_part(text)}*"
        for text, where in places.items()
    ]
    assert not told, f"no entry in {PAGE.name} for {len(told)} messages:\n" + "\n".join(told)


def test_every_entry_of_a_table_quotes_what_the_program_says():
    texts = set(source().literals())
    stale = [
        quote
        for cell in FIRST_CELL.findall(PAGE.read_text())
        for quote in ITALIC.findall(cell)
        if not any(says(text, parts) for parts in readings(quote) for text in texts)
    ]
    assert not stale, "no message says this any more:\n" + "\n".join(stale)


def test_the_reasons_why_nobody_meets_a_message_are_about_errors_that_exist():
    assert set(MET_BY_NOBODY) <= ERRORS
    assert len(every_message()) > 100


@pytest.mark.parametrize(
    ("entry", "documented"),
    [
        ("**Round 4 of project 3 is running.** Wait.", True),
        ("*is running (process ...*: wait.", True),
        ("see *round ... of project ... is running*", True),
        ("### Round is running", False),
        ("*is running ... of project*", False),
        ("*running*", False),
        ("Round 4 of project 3 is running", False),
        ("```\n*Round 4 of project 3 is running*\n```", False),
    ],
)
def test_an_entry_is_a_quotation_that_can_be_told_from_others(entry, documented):
    message = Message("Round … of project … is running (process …).", "x.py:1", "NotReadyError")
    assert (undocumented([message], entry) == []) == documented


def test_what_flows_into_a_message_is_a_message(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.py").write_text('REMEDY = "Start the program once more"\n')
    (package / "saying.py").write_text(
        """
from package.words import REMEDY

def _why(code, name):
    if code == 401:
        return f"the password of {name} is wrong"
    return "its disk is full, or it is locked"

def refuse(code, name):
    causes = {"somebody has stopped the program": code == 0, "short": True}
    for cause in (cause for cause, applies in causes.items() if applies):
        raise NotReadyError(f"{name}: {cause}")
    raise NotReadyError(f"{name}: {_why(code, name)}. {REMEDY}.")

def well():
    return Finding("name", ok=True, text="everything is as it should be")
"""
    )
    found = {m.text for m in Source(package).messages({"NotReadyError", "Finding"})}
    assert found == {
        "…: …",
        "somebody has stopped the program",
        "…: …. ….",
        "the password of … is wrong",
        "its disk is full, or it is locked",
        "Start the program once more",
    }
