"""Processor time and memory of status, overview and export, by the size of the project.

    python benchmarks/figures.py [--tasks 10000 100000] [--before PATH]

The store is made up: an old label of every task, votes since on every seventh, 1.3 annotations per
task in all, and one round. Each figure is of a process of its own, as `relabel status` is. With
--before, a checkout of an earlier version, each tree makes its own store of the same content, both
are measured in turns, and whether both show the same is part of the table.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from one_vote import CLASSES, START, make_project

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "figures.md"
TIMES = 3
MIB = 1 << 20
HEAD = """# Figures of a project

`python benchmarks/figures.py --before PATH`: median of {times} processes each; SQLite, 10 classes,
1.3 annotations per task, two votes on every seventh task. CPU is that of reading and computing;
memory, in MiB, is by how much that raises the peak of the process. Both trees in turns, in one run,
on stores of the same content; "same" says whether everything shown is the same in both.

| what | tasks | CPU before | CPU now | ratio | memory before | memory now | ratio | same |
|---|---|---|---|---|---|---|---|---|
"""


def open_at(folder: Path) -> Any:
    """Open store and settings in a folder; nobody is asked for anything."""
    from relabel.labelstudio.client import LabelStudio
    from relabel.service.context import Context
    from relabel.settings import Settings
    from relabel.storage.database import open_database

    settings = Settings(
        label_studio_url="http://stub.test", label_studio_api_key="f" * 40, data_dir=folder
    )
    client = LabelStudio("http://stub.test", "f" * 40)
    return Context(settings, open_database(settings.database()), client)


def make(folder: Path, tasks: int) -> None:
    """Fill the store: a published round, and votes since on every seventh task."""
    import numpy as np
    from relabel.service.connected import open_connected
    from relabel.service.votes.task_states import count_missing
    from relabel.storage.annotations import Annotation, Kind, record
    from relabel.storage.database import reading
    from relabel.storage.projects import get_project
    from relabel.storage.tables import rounds
    from relabel.storage.tasks import set_problems
    from sqlalchemy import update

    context = open_at(folder)
    make_project(context, tasks)
    rng = np.random.default_rng(1)
    votes = []
    asked = rng.choice(np.arange(1, tasks + 1), tasks // 7, replace=False).tolist()
    for task in asked:
        answer = "3" if rng.random() < 0.6 else CLASSES[rng.integers(len(CLASSES))]
        for person in rng.choice(np.arange(2, 12), 2, replace=False).tolist():
            at = (START + timedelta(seconds=len(votes))).isoformat()
            said = answer if rng.random() < 0.9 else CLASSES[rng.integers(len(CLASSES))]
            kind = Kind.CANCELLED if rng.random() < 0.03 else Kind.LABEL
            choice = "" if kind is Kind.CANCELLED else said if rng.random() < 0.99 else "odd"
            number = 10_000_000 + len(votes)
            votes.append(Annotation(number, task, str(person), kind, choice, at, at))
    with context.engine.begin() as connection:
        record(connection, 1, votes)
        set_problems(connection, 1, dict.fromkeys(asked[60:90], "cannot be decoded"))
        when = START.timestamp()
        times = {"started_at": when - 60, "finished_at": when - 1, "heartbeat_at": when - 1}
        connection.execute(update(rounds).values(model_version="relabel-1-benchmark", **times))
    with reading(context.engine) as connection:
        project = get_project(connection, 1)
    connected = open_connected(context.settings, project)
    count_missing(context.engine, connected, context.folder(1))
    context.close()


def status(context: Any) -> Any:
    """`relabel status`."""
    from relabel.service.insight.status import project_status

    return project_status(context.engine, context.settings, 1)


def overview(context: Any) -> Any:
    """What the web process reads for all pages of a project."""
    from relabel.service.insight.overview import class_figures, read_overview, sentence

    found = read_overview(context.engine, context.settings, 1)
    noise = found.noise
    assert noise is not None
    return [
        found.status,
        sentence(found),
        found.curve.votes.tolist(),
        found.curve.corrected.tolist(),
        [noise.source, repr(noise.initial), repr(noise.wrong_left), noise.matrix.tolist()],
        repr(noise.changed_next),
        list(map(repr, class_figures(found.state))),
    ]


def export(context: Any) -> Any:
    """`relabel export --format csv`."""
    from relabel.service.export.export import FORMATS, export_rows

    return FORMATS["csv"](context, *export_rows(context, 1)).text


KINDS = {"status": status, "overview": overview, "export as CSV": export}


def measure(what: str, folder: Path) -> None:
    """Print CPU seconds, added MiB, and a digest of what was found."""
    # What the processor does once per process is no part of it.
    import relabel.service.export.export
    import relabel.service.insight.overview  # noqa: F401

    context = open_at(folder)
    before = peak()
    began = time.process_time()
    found = KINDS[what](context)
    took = time.process_time() - began
    added = peak() - before
    digest = hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()
    print(json.dumps([took, added, digest]))
    context.close()


def peak() -> float:
    """Return the most memory that this process has held so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def call(tree: Path, *arguments: object) -> str:
    """Run this file with the package of a tree; return what it prints."""
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(tree / "backend")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def compare(trees: list[Path], tasks: int) -> list[str]:
    """Return the lines of the table for one size."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(len(trees))]
        for tree, place in zip(trees, places, strict=True):
            call(tree, "--make", place, tasks)
        for what in KINDS:
            found: list[list[list[Any]]] = [[] for _ in trees]
            for _ in range(TIMES):
                for tree, place, mine in zip(trees, places, found, strict=True):
                    mine.append(json.loads(call(tree, "--measure", place, what)))
            same = len({one[2] for mine in found for one in mine}) == 1
            lines.append(row(what, tasks, found, same=same))
            print(lines[-1], flush=True)
    return lines


def row(what: str, tasks: int, found: list[list[list[Any]]], *, same: bool) -> str:
    """Return one line of the table."""
    cells = [what, f"{tasks:,}"]
    for column, form in ((0, ".3f"), (1, ".0f")):
        medians = [statistics.median(one[column] for one in mine) for mine in found]
        before = medians[0] if len(medians) > 1 else None
        cells += [
            "" if before is None else format(before, form),
            format(medians[-1], form),
            "" if not before else f"{medians[-1] / before:.2f}",
        ]
    return f"| {' | '.join([*cells, 'yes' if same else 'NO'])} |"


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--before", type=Path, help="checkout of the version to compare with")
    options = parser.parse_args()
    trees = [tree for tree in (options.before, ROOT) if tree is not None]
    lines = [line for tasks in options.tasks for line in compare(trees, tasks)]
    RESULTS.write_text(HEAD.format(times=TIMES) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[3], Path(sys.argv[2]))
    else:
        main()
