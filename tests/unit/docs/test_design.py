"""Where documents say that something is, there it is; and the walks name calls in their order.

Documents write a function with its file as `read_task` (`labelstudio/payloads.py`), several of one
file as `a`, `b` and `c` (`file.py`); files are named from backend/relabel, in a room's README also
from its own folder.
"""

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import relabel
from relabel.service.worker import Worker
from relabel.storage.database import reading
from relabel.storage.journal.claims import waiting
from relabel.storage.projects import set_project, token_digest
from wiring import connected, context, deliver, fake, publish_round, site, store_template

__all__ = ["connected", "context", "fake", "store_template"]

PACKAGE = Path(relabel.__file__).parent
ROOT = PACKAGE.parents[1]
DESIGN = ROOT / "docs" / "design.md"
READMES = sorted(PACKAGE.rglob("README.md"))
PAGES = [DESIGN, ROOT / "docs" / "extending.md", ROOT / "CONTRIBUTING.md", *READMES]
LINES = 40

NAME = r"`[A-Za-z_][\w.]*`"
PAIR = re.compile(rf"({NAME}(?:(?:,|\s+and|,\s+and)\s+{NAME})*)\s+\(`([\w/]+\.py)`\)")
FILE = re.compile(r"`([\w/]+\.py)`")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def pairs(text):
    """Return (name, file) of everything that a text says is in a file, in its order."""
    return [
        (name, file)
        for names, file in PAIR.findall(FENCE.sub("", text))
        for name in re.findall(r"`([\w.]+)`", names)
    ]


def place(page, file):
    """Return the file that a page means, None = there is none."""
    homes = [PACKAGE, ROOT, *([page.parent] if page.name == "README.md" else [])]
    return next((home / file for home in reversed(homes) if (home / file).is_file()), None)


@cache
def defined(path):
    """Return what a file defines: `name` at its top, `Class.method` within its classes."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        names = names_of(node)
        found |= names
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for inner in node.body for name in names_of(inner)}
    return found


def names_of(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = [getattr(node, "target", None), *getattr(node, "targets", [])]
    return {
        name.id
        for target in targets
        if target is not None
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }


def wrong(page, text):
    """Return what a text says that is not so."""
    said = [f for f in FILE.findall(FENCE.sub("", text)) if place(page, f) is None]
    for name, file in pairs(text):
        path = place(page, file)
        if path is not None and name not in defined(path):
            said.append(f"{name} in {file}")
    return said


def label(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_what_a_page_names_is_where_it_says(page):
    assert wrong(page, page.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "`receive` (`service/sync/catch_up.py`)",
        "`carry_out` and `receive`\n(`service/sync/catch_up.py`)",
        "`carry_out` (`service/ingest.py`)",
        "see `service/ingest.py`",
        "`Access.nothing` (`web/access.py`)",
    ],
)
def test_a_wrong_place_is_noticed(text):
    right = "`carry_out` and `log` (`service/sync/catch_up.py`), `Access.guard` (`web/access.py`)"
    assert wrong(DESIGN, right) == []
    assert wrong(DESIGN, text) != []


@pytest.mark.parametrize("page", READMES, ids=label)
def test_a_rooms_own_page_fits_on_a_screen(page):
    assert len(page.read_text().splitlines()) <= LINES


def section(title):
    """Return what the design says under a heading."""
    return DESIGN.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


def calls(act):
    """Return (function, file) of each call within the package, in order."""
    seen = []

    def note(frame, event, _argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
            seen.append((code.co_qualname, file))

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return seen


def check_order(title, made):
    """Assert that a section names, in their order, calls that were made; the others are asides."""
    walk = [pair for pair in pairs(section(title)) if pair in set(made)]
    left = iter(made)
    assert [pair for pair in walk if pair not in left] == []
    return walk


@pytest.fixture
def voted(context, fake, connected):
    """A project after its first round, in which somebody has just voted on an open task."""
    number = connected(["cat", "cat", "dog", "dog", "bird", "bird"])
    deliver(context, fake)
    publish_round(context, number, {1: 0.9, 2: 0.8})
    deliver(context, fake)
    with context.engine.begin() as connection:
        set_project(connection, number, webhook_digest=token_digest("secret"))
    fake.annotate(fake.open_tasks(number)[0], 1, "dog")
    fake.events.clear()
    return number


def test_the_walks_of_the_design_are_those_of_the_code(context, voted):
    def report():
        headers = {"X-Relabel-Token": "secret"}
        answer = client.post("/webhook", json={"action": "ANNOTATION_CREATED"}, headers=headers)
        assert answer.status_code == 201

    with site(context.settings) as client:
        in_web = calls(report)
    in_worker = calls(lambda: work(context, voted))
    assert len(check_order("The path of one webhook", in_web)) > 7
    assert len(check_order("The path of one annotation", in_worker)) > 25
    # What an event needs all along is read and decided once, and handed on.
    once = (
        "open_connected",
        "policy_of",
        "schema_of",
        "read_queue_state",
        "turns_of",
        "stop_reason",
    )
    made = Counter(name for name, _ in in_worker)
    assert {name: made[name] for name in once} == dict.fromkeys(once, 1)
    assert made["find_project"] == 2, "before the queue's lock is taken, and under it"


def work(context, number):
    """Do what a worker's thread does with a project that has something to do."""
    worker = Worker(context)
    try:
        with reading(context.engine) as connection:
            (worker._seen[number],) = waiting(connection)
        worker._carry_out(number)
    finally:
        for crew in (worker._votes, worker._rounds, worker._tidying):
            crew.end()
