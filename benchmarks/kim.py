"""Kim's protocol (ECCV 2022, section 4) on frozen CIFAR-10 features and a small head.

    python benchmarks/kim.py [--data FOLDER] [--seeds 3] [--tasks 50000] [--noise uniform,symmetry]
                             [--rates 0.02,0.05,0.1] [--rates dalc=0.05,0.1]

80 % of the labels are wrong. Each round trains, picks a batch (2 % of the tasks), and learns the
true label of each; 30 % of the tasks are asked in all. Reported after each round: the share of
questions whose label was wrong, and the accuracy on the test images. With several learning rates,
each way takes the one that serves it best on a pilot seed. The figures of a campaign are kept in
.cache/ at once, and one that stands there is not run again, so two noises can be run side by side
and a run that was stopped goes on. Writes results/kim.md.
"""

import argparse
import json
import shlex
import sys
from functools import cache
from pathlib import Path

import numpy as np
from kim_protocol import BATCH_SHARE, CANDIDATES, NOISE, TRAINING, WAYS, Task, campaign, load

OUT = Path(__file__).resolve().parent / "results" / "kim.md"
KEPT = OUT.parent.parent / ".cache" / "kim.jsonl"
PILOT = 100  # the seed that rates are chosen on; it is none of those reported


def kept(task: Task, name: str, kind: str, rate: float, seed: int) -> np.ndarray:
    """Return `campaign`, from the cache where the same one was run before."""
    way = WAYS[name]
    key = {
        "sizes": [len(task.truth), len(task.test)],
        "way": [way.selector, name, TRAINING | way.options, CANDIDATES],
        "kind": kind,
        "rate": rate,
        "seed": seed,
    }
    rows = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    found = next((row["figures"] for row in rows if key.items() <= row.items()), None)
    if found is None:
        found = campaign(task, way, kind, rate, seed).tolist()
        KEPT.parent.mkdir(exist_ok=True)
        with KEPT.open("a") as file:
            file.write(json.dumps({**key, "figures": found}) + "\n")
    print(kind, name, rate, seed, np.round(found, 3)[[1, 2, 3, 6, 10, 15]].tolist(), flush=True)
    return np.array(found)


def best_rate(task: Task, name: str, kind: str, rates: list[float]) -> float:
    """Return the learning rate of the highest mean accuracy over the rounds of the pilot seed."""
    if len(rates) == 1:
        return rates[0]
    return max(rates, key=lambda rate: kept(task, name, kind, rate, PILOT)[1:, 1].mean())


def rates_by_way(texts: list[str]) -> dict[str, list[float]]:
    """Read "0.02,0.05", which is for all ways, and "dalc=0.1", which is for one."""
    found: dict[str, list[float]] = {}
    for text in sorted(texts, key=lambda text: "=" in text):  # what is for all comes first
        name, _, rates = text.rpartition("=")
        numbers = [float(rate) for rate in rates.split(",")]
        found |= dict.fromkeys([name] if name else WAYS, numbers)
    return found


def table(kind: str, figures: dict[str, np.ndarray], batch: int) -> list[str]:
    """Return the section of one noise; figures: (seeds, ROUNDS + 1, 2) by way."""
    shown = [0, 1, 2, 3, 5, 9, 12, 15]
    lines = []
    for which, title in ((1, "Test accuracy"), (0, "Share of questions that were worth asking")):
        heads = " | ".join(f"{r * batch:,}" for r in shown)
        lines += ["", f"**{title}, {kind} noise, by labels asked**", ""]
        lines += [f"| way | {heads} |", "|---" * (len(shown) + 1) + "|"]
        for name, values in figures.items():
            mean = values[:, :, which].mean(0)
            lines.append(f"| {name} | " + " | ".join(f"{mean[r]:.3f}" for r in shown) + " |")
    goal = 0.9 * max(values[:, -1, 1].mean() for values in figures.values())
    lines += ["", f"Labels to 90 % of the best final accuracy ({goal:.3f}):", ""]
    for name, values in figures.items():
        by_seed = ", ".join(labels_to(goal, curve, batch) for curve in values[:, :, 1])
        mean = labels_to(goal, values[:, :, 1].mean(0), batch)
        lines.append(f"- {name}: {mean} by the mean curve; by seed {by_seed}")
    return lines


def labels_to(goal: float, curve: np.ndarray, batch: int) -> str:
    """Return the labels asked at the first checkpoint whose accuracy is at least `goal`."""
    reached = np.flatnonzero(curve >= goal)
    return f"{reached[0] * batch:,}" if len(reached) else "not reached"


def main() -> None:
    """Run all ways on both noises and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--noise", default="uniform,symmetry")
    parser.add_argument(
        "--rates", action="append", help="learning rates to choose from; WAY=RATES for one way"
    )
    parser.add_argument("--ways", default="; ".join(WAYS), help="names, separated by semicolons")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    if not (args.data / "cifar10_train_features.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10 features in {args.data}.")
    batch = round(BATCH_SHARE * args.tasks)
    lines = ["# Kim's protocol", "", f"    python benchmarks/kim.py {shlex.join(sys.argv[1:])}", ""]
    lines.append(
        f"{args.tasks:,} tasks, {NOISE:.0%} of the labels wrong, {batch:,} labels per round, "
        f"{args.seeds} seeds, MLP head of 256 on frozen features, {args.test:,} test images. "
        "In brackets the learning rate."
    )
    rates = rates_by_way(["0.02", *(args.rates or [])])
    load_task = cache(lambda seed: load(args.data, args.tasks, args.test, seed))
    for kind in args.noise.split(","):
        figures: dict[str, np.ndarray] = {}
        for name in args.ways.split("; "):
            rate = best_rate(load_task(PILOT), name, kind, rates[name])
            seeds = range(args.seeds)
            runs = [kept(load_task(seed), name, kind, rate, seed) for seed in seeds]
            figures[f"{name} ({rate:g})"] = np.stack(runs)
        lines += table(kind, figures, batch)
        args.out.parent.mkdir(exist_ok=True)
        args.out.write_text("\n".join([*lines, ""]))
    print(args.out.read_text())


if __name__ == "__main__":
    main()
