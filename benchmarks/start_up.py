"""What a start costs: processor seconds of `relabel --help` and of building the web application.

Run: .venv/bin/python benchmarks/start_up.py [--repeats 9] [--against ../before/backend]

Each start is a process of its own, user and system time together. The kinds of start take turns, so
that whatever else the machine does meets all of them, and the least of the repeats counts. Modules
are compiled beforehand, into a folder of their own, whatever the environment says of that.
`--against` names the folder `backend` of another checkout, measured in the same turns.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "start_up.md"
STORE = "<a folder of its own>"
WEB = """
import sys
from pathlib import Path
from relabel.settings import Settings
from relabel.web.app import create_app
create_app(Settings(data_dir=Path(sys.argv[1]), label_studio_api_key="k" * 40))
"""
LIBRARIES = "the libraries of the web application alone: flask, SQLAlchemy, pydantic, numpy, httpx"
STARTS = {
    "`relabel --help`": ("-m", "relabel", "--help"),
    "the web application, built on a store that is there": ("-c", WEB, STORE),
    LIBRARIES: ("-c", "import flask, sqlalchemy, pydantic, pydantic_settings, numpy, httpx"),
    "the worker's module": ("-c", "import relabel.service.worker"),
}


def main() -> None:
    """Measure, print, and keep the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--against", type=Path)
    options = parser.parse_args()
    trees = {"now": ROOT / "backend"}
    if options.against:
        trees["before"] = options.against.resolve()
    with tempfile.TemporaryDirectory() as home:
        kinds = {
            (name, tree): (backend, [part.replace(STORE, f"{home}/{tree}") for part in command])
            for name, command in STARTS.items()
            for tree, backend in trees.items()
            if name != LIBRARIES or tree == "now"
        }
        kinds["python -c pass", "now"] = (trees["now"], ["-c", "pass"])
        least = dict.fromkeys(kinds, float("inf"))
        for _ in range(options.repeats + 1):  # the first one makes stores and compiled modules
            for kind, (backend, arguments) in kinds.items():
                least[kind] = min(least[kind], seconds(backend, arguments, home))
    report(least, options.repeats)


def seconds(backend: Path, arguments: list[str], home: str) -> float:
    """Return the processor seconds of one Python process on the package in a folder."""
    own = {"PYTHONPATH": str(backend), "OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": home}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | own | {"PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(least: dict[tuple[str, str], float], repeats: int) -> None:
    """Print the table and keep it."""
    empty = least.pop(("python -c pass", "now"))
    lines = [
        "# Starts",
        "",
        f"Processor seconds, least of {repeats} repeats; an empty Python takes {empty:.3f}.",
        "",
        "| start | seconds | times an empty Python | seconds before | times before |",
        "|---|---|---|---|---|",
    ]
    for name in STARTS:
        now, before = least[name, "now"], least.get((name, "before"))
        earlier = "- | -" if before is None else f"{before:.2f} | {now / before:.2f}"
        lines.append(f"| {name} | {now:.2f} | {now / empty:.0f} | {earlier} |")
    lines += ["", "Made by `.venv/bin/python benchmarks/start_up.py --against BEFORE/backend`."]
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
