"""How far one annotation, one webhook and one idle sweep walk through the code.

    python benchmarks/walks.py [--label NAME]

Played against the fake Label Studio of the tests, in this process: no time is measured, only which
functions of backend/relabel are called. A move is a call from a function of one file into another
file. Calls of comprehensions and of generated code (dataclasses) do not count. Each line of the
results page is kept under its label, so that a tree can be compared with the one before.
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import relabel
from fake_label_studio import FakeLabelStudio
from relabel.service.context import Context
from relabel.service.rounds.due import round_due_now
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.projects import set_project, token_digest
from store_template import store_template_in
from wiring import connect_project, deliver, make_context, publish_round, report, site

PACKAGE = str(Path(relabel.__file__).parent)
RESULTS = Path(__file__).parent / "results" / "walks.md"
READINGS = ("policy_of", "schema_of")
HEAD = """# Walks through the code

`python benchmarks/walks.py`: which functions of backend/relabel one event calls, against the fake
Label Studio of the tests. A move is a call from one file into another; policy and schema: how often
each is read and checked anew.

| tree | walk | calls | functions | files | moves | policy | schema |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Walk:
    """The calls of own functions in order: (file, name), and the file that called, "" = none."""

    calls: list[tuple[str, str, str]]

    def figures(self) -> list[int]:
        """Return calls, functions, files, moves, readings of the policy and of the schema."""
        names = Counter(name for _, name, _ in self.calls)
        return [
            len(self.calls),
            len({(file, name) for file, name, _ in self.calls}),
            len({file for file, _, _ in self.calls}),
            sum(bool(caller) and caller != file for file, _, caller in self.calls),
            *(names[name] for name in READINGS),
        ]


def walk(act: Callable[[], object]) -> Walk:
    """Carry something out and note which own functions it calls."""
    calls: list[tuple[str, str, str]] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and _is_ours(frame):
            calls.append((_file(frame), frame.f_code.co_qualname, _caller(frame)))

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return Walk(calls)


def _is_ours(frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_filename.startswith(PACKAGE) and not code.co_name.startswith("<")


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename.removeprefix(PACKAGE + "/")


def _caller(frame: FrameType) -> str:
    """Return the file of the nearest own function that is waiting for this one."""
    outer = frame.f_back
    while outer is not None and not _is_ours(outer):
        outer = outer.f_back
    return "" if outer is None else _file(outer)


def begun(context: Context, fake: FakeLabelStudio) -> int:
    """Connect a project, publish a round, and let somebody vote on an open task."""
    number = fake.add_project(["cat", "cat", "dog", "dog", "bird", "bird"])
    connect_project(context, number)
    deliver(context, fake)
    publish_round(context, number, {1: 0.9, 2: 0.8})
    deliver(context, fake)
    with context.engine.begin() as connection:
        set_project(connection, number, webhook_digest=token_digest("secret"))
    carry_out(context, number)
    for task in fake.tasks.values():
        # As usual, nobody has touched the others for a while.
        task["updated_at"] = "2026-01-01T00:00:00.000000Z"
    fake.annotate(fake.open_tasks(number)[0], 1, "dog")
    return number


def work(context: Context, number: int) -> None:
    """Do what a worker's thread does with a project that it took."""
    done = carry_out(context, number)
    round_due_now(context, number, done.connected)


def measure(folder: Path) -> tuple[dict[str, Walk], Counter[str]]:
    """Return the walks by name, and the requests of an idle sweep, how often each."""
    fake = FakeLabelStudio()
    with store_template_in(folder) as template:
        context = make_context(folder / "backend", fake, template)
        number = begun(context, fake)
        headers = {"X-Relabel-Token": "secret"}
        body = {"action": "ANNOTATION_CREATED"}
        fake.events.clear()
        with site(context.settings) as client:
            walks = {
                "one webhook": walk(lambda: client.post("/webhook", json=body, headers=headers))
            }
        walks["one annotation"] = walk(lambda: work(context, number))
        for _ in range(3):  # until nothing is left to do
            sweep(context)
            while fake.events:
                report(context, fake.events.pop(0))
            carry_out(context, number)
            forget_sweeps(context)
        fake.requests.clear()
        walks["an idle sweep"] = walk(lambda: sweep(context))
        asked = Counter(f"{method} {path}" for method, path, _ in fake.requests)
        context.close()
    return walks, asked


def main() -> None:
    """Measure, print, and keep the lines under their label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--label", default="now", help="name of this tree on the results page")
    parser.add_argument("--calls", action="store_true", help="print every call of the walks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "backend").mkdir()
        walks, asked = measure(Path(folder))
    rows = [
        f"| {options.label} | {name} | " + " | ".join(map(str, one.figures())) + " |"
        for name, one in walks.items()
    ]
    rows += [
        f"- {options.label}: {sum(asked.values())} requests of an idle sweep: "
        + ", ".join(f"`{what}`" + (f" {n} times" if n > 1 else "") for what, n in asked.items())
    ]
    if options.calls:
        for name, one in walks.items():
            print(name, *(f"  {file}: {called}" for file, called, _ in one.calls), sep="\n")
    print("\n".join(rows))
    keep(options.label, rows)


def keep(label: str, rows: list[str]) -> None:
    """Write the page, with the lines of other labels as they were."""
    before = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    mine = re.compile(rf"(\| {re.escape(label)} \||- {re.escape(label)}:)")
    lines = [
        line for line in before if re.match(r"(\| (?!tree)[^-]|- )", line) and not mine.match(line)
    ]
    lines += rows
    table = [line for line in lines if line.startswith("|")]
    listed = [line for line in lines if line.startswith("-")]
    RESULTS.write_text(HEAD + "\n".join(table) + "\n\n" + "\n".join(listed) + "\n")


if __name__ == "__main__":
    main()
