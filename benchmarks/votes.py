"""What the posterior as evidence saves: campaigns under both consensuses, by score and by gain.

    python benchmarks/votes.py [--data FOLDER] [--seeds 10] [--sets cifar10h_15,cifar10h_30]

Each set twice: as the product has it (an audit of 5 % of the votes, which count, and rates learnt
from it), and with the true rates told and no audit. Ratios are to random order with strict majority
on the same first labels and answers. Seeds start at 100, by which nothing was chosen. The
posteriors are those of `linear` on the provided vectors. Writes results/votes.md.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import RANDOM, Run, Setting
from relabel.simulation.measure.curves import Curve
from relabel.simulation.measure.evaluation import paired_difference

OUT = Path(__file__).resolve().parent / "results" / "votes.md"
FIRST_SEED = 100
METHODS = (
    Method("linear", "tiered_phi"),
    Method("linear", "gain"),
    Method("linear", "tiered_phi", consensus="posterior"),
    Method("linear", "gain", consensus="posterior"),
)
SETS = {
    "cifar10h_15": ("cifar10h", "temperature", 0.15),
    "cifar10h_30": ("cifar10h", "temperature", 0.30),
    "cifar10n_people": ("cifar10n_people", "given", None),
}
HEADS = (
    "method",
    "to .90, settled",
    "x",
    "to .95, settled",
    "x",
    "to .90, exported",
    "x",
    "to .95, exported",
    "x",
    "right at the end, settled / exported",
    "broken of those right",
    "by one person and the model",
    "of these right",
)


def main() -> None:
    """Run the sets and write the tables, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--samples", type=int, default=15_000, help="of larger sets, per seed")
    args = parser.parse_args()
    if not (args.data / "cifar10h_test.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10H in {args.data}.")
    seeds = f"{args.seeds} seeds from {FIRST_SEED} on; ± is the half width of a 95 % interval."
    command = f"python benchmarks/votes.py --seeds {args.seeds} --sets {args.sets}"
    lines = ["# Votes", "", f"    {command}", "", seeds]
    for name in args.sets.split(","):
        dataset, noise, rate = SETS[name]
        setting = Setting(load_dataset(dataset, args.data), noise, rate, audit_share=0.05)
        told = replace(setting, audit_share=0.0, known_rates=True)
        for how, each in (("audit of 5 %, rates learnt", setting), ("true rates told", told)):
            lines += ["", f"## {name}: {how}", "", *section(each, args)]
            OUT.write_text("\n".join([*lines, ""]))
    print(OUT.read_text())


def section(setting: Setting, args: argparse.Namespace) -> list[str]:
    """Return the table of one setting."""
    cache = OUT.parents[1] / ".cache" / "runs"  # an interrupted run goes on where it was
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + args.seeds))
    runs = []
    for seed in seeds:
        rows = np.random.default_rng(seed).permutation(len(setting.data))[: args.samples]
        each = replace(setting, data=setting.data.rows(np.sort(rows)))
        runs += run_experiment(each, METHODS, (seed,), folder=cache, progress=show)
    by_method: dict[str, list[Run]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).append(run)
    random = [run.curve for run in by_method[RANDOM]]
    wrong = np.mean([run.figures.noise_rate for run in by_method[RANDOM]])
    lines = [f"{len(runs[0].initial):,} tasks, {wrong:.1%} wrong at first.", ""]
    lines += [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for name, mine in by_method.items():
        lines.append(f"| {' | '.join([name, *cells(mine, random)])} |")
    return lines


def cells(mine: list[Run], random: list[Curve]) -> list[str]:
    """Return the figures of one method, means over seeds."""
    found = []
    for curves in ([run.curve for run in mine], [run.exported for run in mine]):
        for target in (0.90, 0.95):
            ours = [curve.votes_to(target) for curve in curves]
            theirs = [curve.votes_to(target) for curve in random]
            found += [with_interval(ours, "{:,.0f}")]
            reached = all(ours) and all(theirs)
            ratios = [b / a for a, b in zip(ours, theirs, strict=True)] if reached else [None]
            found += [with_interval(ratios, "{:.2f}")]

    def mean(figure: Callable[[Run], float], form: str) -> str:
        return with_interval([figure(run) for run in mine], form)

    ends = (lambda run: run.curve.correct[-1], lambda run: run.exported.correct[-1])
    found += [" / ".join(mean(end, "{:.4f}") for end in ends)]
    right = [len(run.initial) * (1 - run.figures.noise_rate) for run in mine]
    broken = [run.figures.broken / n for run, n in zip(mine, right, strict=True)]
    found += [with_interval(broken, "{:.2%}")]
    found += [mean(lambda run: run.figures.settled_by_one, "{:,.0f}")]
    return [*found, mean(lambda run: run.figures.right_by_one, "{:.4f}")]


def with_interval(values: list[float | None], form: str) -> str:
    """Return mean and half width of the interval; a dash where one of the values does not exist."""
    if any(value is None or np.isnan(value) for value in values):
        return "-"
    interval = paired_difference(np.array(values, dtype=float), np.zeros(len(values)))
    text = form.format(interval.mean)
    if np.isnan(interval.high) or interval.high == interval.low:
        return text
    return f"{text} ± {form.format(interval.high - interval.mean)}"


def show(stage: str, done: int, total: int) -> None:
    """Print how far the campaigns are."""
    print(f"{stage} {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
