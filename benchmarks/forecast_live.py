"""Whether `relabel forecast` tells what a project will really need, with a real Label Studio.

    python benchmarks/forecast_live.py [--seeds 10] [--tasks 900] [--pilot 100]

Digits, a fifth of them wrongly labelled; annotators who err 5 % of the time work through Label
Studio's own queue. After a pilot with a random audit share of 50 % the forecast is asked how many
more votes bring 95 % of the labels right; then the team goes on until they are. The figures of a
seed are kept in .cache/ at once, and a seed that stands there is not run again. Writes
results/forecast_live.md.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from consistency import said_in_label_studio, votes_of
from crowd import Crowd
from reached import votes_to_target
from relabel.demo.annotators import poll
from relabel.demo.servers.backend import Backend
from relabel.demo.upload import image_name
from servers import Filled, LabelStudioServer, fill, label_studio, make_backend

RESULTS = Path(__file__).resolve().parent / "results"
ROWS = RESULTS.parent / ".cache" / "forecast_live.jsonl"
POLICY = "audit_share = 0.5\n"
"""Of a pilot of 100 votes some thirty audited tasks are finished: enough to start from."""
TARGET = 0.95
PAUSE_SECONDS = 1.0
"""Between two tasks of a person: without it the three would be faster than any queue."""
STEP = 25
"""Votes between two looks at how many labels are right."""


def main() -> None:
    """Play the seeds that are missing and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=900)
    parser.add_argument("--pilot", type=int, default=100)
    options = parser.parse_args()
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []
    key = {"tasks": options.tasks, "pilot": options.pilot}
    rows = [row for row in rows if key.items() <= row.items()]
    missing = set(range(options.seeds)) - {row["seed"] for row in rows}
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(Path(folder) / "label-studio", annotators=3) as server,
    ):
        backend = make_backend(server, Path(folder) / "relabel", POLICY)
        serving = backend.serve()
        try:
            for seed in sorted(missing):
                row = {"seed": seed, **key, **play(server, backend, options, seed)}
                rows.append(row)
                print(row, flush=True)
                with ROWS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        finally:
            serving.stop()
    text = report(sorted(rows, key=lambda row: row["seed"])[: options.seeds], options)
    print(text)
    (RESULTS / "forecast_live.md").write_text(text)


def play(
    server: LabelStudioServer, backend: Backend, options: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """Run one project to the target; return the forecast and what was needed."""
    project = fill(server, f"Forecast {seed}", options.tasks, options.tasks, seed)
    truth = truth_by_task(server, project)
    given = votes_of(said_in_label_studio(server.admin, project.id))
    number = str(project.id)
    backend.run("connect", "--project", number, "--yes")
    if not poll(lambda: backend.status(project.id)["rounds"] >= 1, seconds=600):
        raise TimeoutError("The first round was not published within 600 s.")
    crowd = Crowd(
        server.url,
        project.id,
        server.people,
        project.truth_of,
        seed=seed,
        pause_seconds=PAUSE_SECONDS,
        idle_seconds=120.0,
    )
    crowd.run(options.pilot)
    poll(lambda: not backend.status(project.id)["pending_jobs"], seconds=120)
    asked = ("--target", str(TARGET), "--json")
    value = json.loads(backend.run("forecast", "--project", number, *asked))["to_come"]["votes"][
        "value"
    ]
    needed = None
    while needed is None and crowd.run(STEP):
        needed = votes_to_target(crowd.submissions, given, truth, TARGET)
    server.admin.delete(f"/api/projects/{project.id}/").raise_for_status()
    realised = None if needed is None else max(needed - options.pilot, 0)
    return {"value": value, "realised": realised}


def truth_by_task(server: LabelStudioServer, project: Filled) -> dict[int, str]:
    """Return the right class of every task, by its id."""
    path = f"/api/projects/{project.id}/export"
    params = {"exportType": "JSON", "download_all_tasks": "true"}
    answer = server.admin.get(path, params=params)
    answer.raise_for_status()
    return {
        int(task["id"]): project.truth[image_name(task["data"]["image"])] for task in answer.json()
    }


def report(rows: list[dict[str, Any]], options: argparse.Namespace) -> str:
    """Return the table."""
    ratios = [row["value"] / row["realised"] if row["realised"] else None for row in rows]
    middle = median(ratio for ratio in ratios if ratio is not None)
    command = (
        f"python benchmarks/forecast_live.py --seeds {options.seeds} --tasks {options.tasks} "
        f"--pilot {options.pilot}"
    )
    lines = [
        "# Forecast and reality, with a real Label Studio",
        "",
        f"    {command}",
        "",
        f"Further votes until {TARGET:.0%} of the labels are right, forecast after",
        f"{options.pilot} votes with a random audit share of 50 %.",
        "",
        f"In the middle project {middle:.2f} times as many were forecast as were needed.",
        "",
        "| seed | forecast | needed | forecast / needed |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['seed']} | {row['value']:.0f} | {row['realised']} "
        f"| {'-' if ratio is None else format(ratio, '.2f')} |"
        for row, ratio in zip(rows, ratios, strict=True)
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
