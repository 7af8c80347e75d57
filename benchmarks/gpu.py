"""What a GPU is good for here, in at most eight minutes: `make gpu`.

    python benchmarks/gpu.py [--tiny] [--device cuda] [--stage "one network"] [--out FOLDER]

Stages run one after the other, each in a process of its own that is ended when its time is up; what
it had found until then is kept. Training is measured beside a bare torch loop of the same network
and augmentation (bare.py), embedding beside the forward pass alone, in turns, in the same run.
Everything is generated on the spot, nothing is downloaded. Writes results/gpu.json and
results/gpu.md; without a GPU the cells of the latter stay empty, and --tiny runs all stages on the
CPU at sizes that say nothing of speed, two at a time, and writes only where --out says.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from relabel.settings import rounds_environment

HERE = Path(__file__).resolve().parent
SECONDS = {
    "one network": 100,
    "two networks": 60,
    "no labels": 90,
    "embedding": 110,
    "repeated": 50,
    "every selector": 60,
}
"""Most that a stage may take: 470 in all, of the eight minutes."""
TARGETS = {
    "vanilla, cifar_resnet20": "ratio .85",
    "vanilla, cifar_resnet20, bfloat16": "",
    "vanilla, small_cnn": "ratio .85",
    "co_teaching, cifar_resnet20": "ratio .85",
    "BYOL, cifar_resnet20": "ratio .85",
    "BYOL, cifar_resnet20, twice the batch": "ratio .85",
    "BYOL, cifar_resnet20, twice the batch, bfloat16": "",
    "resnet18 from JPEGs, decoded by the device": "8,000 images/s",
    "resnet18 from JPEGs, decoded by processes": "3,500 images/s",
    "resnet50 from JPEGs, decoded by the device": "6,500 images/s",
    "resnet50 from JPEGs, decoded by processes": "3,500 images/s",
    "vanilla, twice": "equal",
    "co_teaching, twice": "equal",
    "ssl_linear, twice": "equal",
}
"""What is measured, and what is wanted of an H100 with 16 processors."""
NOT_MEASURED = "No GPU was at hand: nothing is measured yet."
HEAD = """# On a GPU

`make gpu`. {where}

Images per second of the package, and of a bare torch loop of the same network, batch and
augmentation, or of the forward pass alone, in the same run; their ratio; memory at most. *Twice*:
whether two rounds gave the same bits, and, as ratio, how fast a round is that asks for this beside
one that does not.

| what | images/s | bare, images/s | ratio | GiB | equal | wanted |
|---|---|---|---|---|---|---|
"""


def work(stage: str, tiny: bool, device: str, path: Path) -> None:
    """Run a stage in this process; each row is written as soon as it is there."""
    import gpu_checks
    import gpu_stages

    stages = {
        "one network": gpu_stages.one_network,
        "two networks": gpu_stages.two_networks,
        "no labels": gpu_stages.no_labels,
        "embedding": gpu_stages.embedding,
        "repeated": gpu_checks.repeated,
        "every selector": gpu_checks.tried,
    }
    sizes = gpu_stages.TINY if tiny else gpu_stages.Sizes()
    with path.open("a", buffering=1) as file:
        for row in stages[stage](sizes, device):
            file.write(json.dumps({"stage": stage} | row) + "\n")


def run(stage: str, tiny: bool, device: str, seconds: float) -> list[dict[str, Any]]:
    """Run a stage in a process of its own, and return its rows and how it ended."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.touch()
        # Forked off a process that has loaded torch already, and never used it.
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=work, args=(stage, tiny, device, path))
        process.start()
        process.join(seconds)
        ended = "" if process.exitcode == 0 else f"ended with {process.exitcode}"
        if process.is_alive():
            process.kill()
            process.join()
            ended = f"not done after {seconds} s"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    took = round(time.perf_counter() - start, 1)
    end = {"stage": stage, "what": "the stage", "seconds": took} | ({"why": ended} if ended else {})
    for row in (*rows, end):
        print(json.dumps(row), flush=True)
    return [*rows, end]


def table(rows: list[dict[str, Any]], where: str) -> str:
    """Return the page: every row that is wanted, with empty cells where it was not measured."""
    found = {row["what"]: row for row in rows}
    lines = []
    for what, target in TARGETS.items():
        row = found.get(what, {})
        speeds = [
            f"{row[name]:,}" if name in row else ""
            for name in ("images_per_s", "bare_images_per_s")
        ]
        rest = [str(row.get(name, "")) for name in ("ratio", "memory_gib")]
        equal = {True: "yes", False: "no"}.get(row.get("equal"), "")
        lines.append(f"| {' | '.join([what, *speeds, *rest, equal, target])} |")
    selectors = [row for row in rows if row["stage"] == "every selector" and "equal" in row]
    if selectors:
        failed = [
            f"{row['what']} ({row.get('why', 'not finite')})"
            for row in selectors
            if not row["equal"]
        ]
        waits = {
            row["what"]: row["waits_per_epoch"] for row in selectors if row.get("waits_per_epoch")
        }
        lines += ["", f"{len(selectors) - len(failed)} of {len(selectors)} selectors ran."]
        lines += [f"Not: {'; '.join(failed)}."] if failed else []
        lines += [f"Waits for the GPU in an epoch: {waits}."] if waits else []
    late = [
        f"{row['stage']}: {row['why']}"
        for row in rows
        if row["what"] == "the stage" and "why" in row
    ]
    lines += ["", "; ".join(late) + "."] if late else []
    return HEAD.format(where=where) + "\n".join(lines) + "\n"


def machine(device: str) -> str:
    """Return what the device is, "" = there is no such GPU."""
    import torch

    if not device.startswith("cuda"):
        return device
    if not torch.cuda.is_available():
        return ""
    return f"{torch.cuda.get_device_name(device)}, {len(os.sched_getaffinity(0))} processors"


def main() -> None:
    """Run the stages, print their rows, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="on the CPU, to see that it runs")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--stage", action="append", choices=SECONDS, help="these alone")
    parser.add_argument("--out", type=Path, help="folder of the results")
    options = parser.parse_args()
    device = "cpu" if options.tiny else options.device
    os.environ.update({"OMP_NUM_THREADS": "1"} if options.tiny else {})
    os.environ.update(rounds_environment())
    sys.path.insert(0, str(HERE))
    multiprocessing.set_forkserver_preload(["gpu_stages", "gpu_checks"])
    named = machine(device)
    stages = (options.stage or list(SECONDS)) if named else []
    with ThreadPoolExecutor(2 if options.tiny else 1) as pool:
        limits = [SECONDS[stage] * (6 if options.tiny else 1) for stage in stages]  # a busy machine
        ask = partial(run, tiny=options.tiny, device=device)
        rows = [
            row
            for each in pool.map(lambda stage, most: ask(stage, seconds=most), stages, limits)
            for row in each
        ]
    where = f"Measured on {named}." if named else NOT_MEASURED
    print(page := table(rows, where))
    out = options.out or (None if options.tiny else HERE / "results")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "gpu.md").write_text(page)
        if named:
            found = {"device": named, "rows": rows}
            (out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    if any("why" in row for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
