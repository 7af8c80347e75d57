"""Optimistic knowledge gradient and ActiveLab beside our own orders, at equal votes.

    python benchmarks/baselines.py [--data FOLDER] [--seeds 3] [--samples 2000]

CIFAR-10H with 15 % wrong, the provided vectors, posteriors of `linear`; no audit, true rates told,
so that every vote goes where the order sends it. Seeds start at 100, by which nothing was chosen.
Writes results/baselines.md after every seed; run again, it goes on where it was.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import RANDOM, Run, Setting
from votes import CACHE, FIRST_SEED, show, with_interval

OUT = Path(__file__).resolve().parent / "results" / "baselines.md"
METHODS = tuple(
    Method("linear", score, consensus=consensus)
    for consensus in ("majority", "posterior")
    for score in ("okg", "activelab_by_vote", "tiered_phi", "gain")
)
TARGETS = (0.90, 0.95)
SHARES = (0.25, 0.5, 1.0, 1.25)
"""Votes a task; the last one is the budget."""

HEADS = (
    "method",
    *(part for target in TARGETS for part in (f"votes to {target:.2f}", "x random")),
    *(f"right after {share:g} votes a task" for share in SHARES),
)


def main() -> None:
    """Run the campaigns and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2000)
    args = parser.parse_args()
    if not (args.data / "cifar10h_test.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10H in {args.data}.")
    data = load_dataset("cifar10h", args.data)
    by_method: dict[str, list[Run]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
        rows = np.sort(np.random.default_rng(seed).permutation(len(data))[: args.samples])
        budget = int(SHARES[-1] * args.samples)
        setting = Setting(data.rows(rows), "temperature", 0.15, budget=budget, known_rates=True)
        for run in run_experiment(setting, METHODS, (seed,), folder=CACHE / "runs", progress=show):
            by_method.setdefault(run.method, []).append(run)
        OUT.write_text("\n".join([*page(by_method, args), ""]))
    print(OUT.read_text())


def page(by_method: dict[str, list[Run]], args: argparse.Namespace) -> list[str]:
    """Return the lines of the results page."""
    done = len(by_method[RANDOM])
    return [
        "# Published baselines at equal votes",
        "",
        f"    python benchmarks/baselines.py --seeds {args.seeds} --samples {args.samples}",
        "",
        f"CIFAR-10H, {args.samples:,} tasks, 15 % wrong (temperature), true rates told, no audit,",
        f"{done} seeds from {FIRST_SEED} on; ± is the half width of a 95 % interval. Labels are",
        "counted as they would be exported.",
        "x random: votes of random order with strict majority, divided by the method's.",
        "",
        f"| {' | '.join(HEADS)} |",
        "|---" * len(HEADS) + "|",
        *(f"| {' | '.join([name, *cells(mine, by_method)])} |" for name, mine in by_method.items()),
    ]


def cells(mine: list[Run], by_method: dict[str, list[Run]]) -> list[str]:
    """Return the figures of one method, means over seeds."""
    found = []
    for target in TARGETS:
        ours = [run.exported.votes_to(target) for run in mine]
        theirs = [run.exported.votes_to(target) for run in by_method[RANDOM]]
        ratios = [b / a if a and b else None for a, b in zip(ours, theirs, strict=True)]
        found += [with_interval(ours, "{:,.0f}"), with_interval(ratios, "{:.2f}")]
    for share in SHARES:
        at = [float(run.exported.at(np.array([share * len(run.initial)]))[0]) for run in mine]
        found.append(with_interval(at, "{:.4f}"))
    return found


if __name__ == "__main__":
    main()
