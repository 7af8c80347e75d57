"""Our scores beside cleanlab's, in the same campaigns and at equal votes.

    python benchmarks/peers.py [--data FOLDER] [--seeds 3] [--sets digits,cifar10h_15] [--samples N]

Part 1 gives every score the same posteriors. Part 2 gives each its best way of working: ours and
cleanlab's retrain on the votes and finish each task; ActiveLab asks one vote at a time of whatever
task it likes best, answered ones included. Writes benchmarks/results/peers.md.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from relabel.errors import ConfigurationError
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import BASELINES, Run, Setting
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.plan import usual_noise

HERE = Path(__file__).resolve().parent
OURS = ("phi", "ce", "tiered_phi")
THEIRS = (
    "cleanlab_self_confidence",
    "cleanlab_normalized_margin",
    "cleanlab_crowdlab",
    "cleanlab_activelab",
)
TARGETS = ("0.90", "0.95")


RETRAINED = ("tiered_phi", "cleanlab_self_confidence", "cleanlab_normalized_margin")
BATCH = 100
"""Votes between two rankings of ActiveLab's own way of working."""

ROUNDS = 4
"""How often the models of part 2 are trained over the budget of one vote per task."""


PARTS = range(3)
"""Same posteriors; ActiveLab's own way; with retraining."""


@dataclass(frozen=True)
class Part:
    """Campaigns under one setting."""

    setting: Setting
    methods: tuple[Method, ...]
    runs: list[Run]


@dataclass(frozen=True)
class Set:
    """One data set of the table; rate None = the labels that come with it."""

    dataset: str
    rate: float | None


SETS = {
    "digits": Set("digits", 0.20),
    "cifar10h_15": Set("cifar10h", 0.15),
    "cifar10h_30": Set("cifar10h", 0.30),
    "cifar10n_aggre": Set("cifar10n", None),
    "cifar10n_worse": Set("cifar10n_worse", None),
}


def main() -> None:
    """Run the sets that are at hand and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--samples", type=int, default=4_000)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the workers: one core each
    command = "python benchmarks/peers.py " + " ".join(sys.argv[1:])
    lines = ["# Our scores beside cleanlab's", "", f"    {command}"]
    out = HERE / "results" / "peers.md"
    out.parent.mkdir(exist_ok=True)
    names = args.sets.split(",")
    measured: dict[tuple[str, int], Part | str] = {}
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        jobs = {
            (name, part): [
                pool.submit(measure, SETS[name], part, seed, args.data, args.samples)
                for seed in range(args.seeds)
            ]
            for part in PARTS
            for name in names
        }
        for (name, part), seeds in jobs.items():
            try:
                measured[name, part] = together([job.result() for job in seeds])
            except ConfigurationError as error:
                measured[name, part] = str(error)
            text = [line for each in names for line in section(each, measured)]
            out.write_text("\n".join([*lines, *text, ""]))
    print(out.read_text())


def measure(which: Set, part: int, seed: int, folder: Path, samples: int) -> Part:
    """Run one part on one data set and seed; large sets are sampled, anew for each seed."""
    data = with_features(
        load_dataset(which.dataset, folder), "tiny", HERE / ".cache", max_pixels=10**8
    )
    if len(data) > samples:
        rng = np.random.default_rng(seed)
        data = data.rows(np.sort(rng.permutation(len(data))[:samples]))
    setting = Setting(data, usual_noise(data), which.rate)
    retrained = replace(setting, retrain_every=len(data) // ROUNDS)
    single = replace(setting, closing="vote", rank_every=BATCH)
    setting, scores = (
        (setting, (*OURS, *THEIRS)),
        (single, THEIRS[-1:]),
        (retrained, RETRAINED),
    )[part]
    methods = tuple(Method("linear", score) for score in scores)
    runs = run_experiment(setting, methods, (seed,), folder=HERE / ".cache" / "runs")
    return Part(setting, methods, runs)


def together(parts: list[Part]) -> Part:
    """Return the campaigns of all seeds as one part."""
    return replace(parts[0], runs=[run for part in parts for run in part.runs])


def section(name: str, measured: dict[tuple[str, int], Part | str]) -> list[str]:
    """Return what is known so far about one data set."""
    parts = [measured.get((name, part)) for part in PARTS]
    same, single, retrained = parts
    if isinstance(same, str):
        return ["", f"## {name}", "", f"Skipped: {same}"]
    if same is None:
        return []
    rows = summarise(same.setting, same.methods, same.runs)
    lines = [*heading(name, same.setting, rows[0]), *table("Same posteriors", rows)]
    if isinstance(retrained, Part):
        rows = summarise(retrained.setting, retrained.methods, retrained.runs)
        every = retrained.setting.retrain_every
        lines += table(f"Retraining every {every} votes, one task after the other", rows[2:])
    if isinstance(single, Part):
        # Compared with random order and the oracle of the other parts, which finish each task.
        runs = [run for run in same.runs if run.method in BASELINES]
        runs += [run for run in single.runs if run.method not in BASELINES]
        rows = summarise(single.setting, single.methods, runs)
        title = f"Ranked anew every {BATCH} votes, one vote at a time, tasks may come again"
        lines += table(title, rows[2:])
    return lines


def heading(name: str, setting: Setting, row: dict) -> list[str]:
    """Return the title and the size of a set."""
    noise = f"{row['noise_rate']:.1%} of the labels wrong ({setting.noise})"
    return ["", f"## {name}", "", f"{len(setting.data):,} samples, {noise}, {row['seeds']} seeds."]


def table(title: str, rows: list[dict]) -> list[str]:
    """Return a table of the figures that decide."""
    head = [
        "ranking",
        *[f"{kind} {t}" for t in TARGETS for kind in ("votes to", "x random")],
        "relative area",
        "AUROC",
        "precision",
    ]
    lines = ["", f"**{title}**", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["method"]]
        for target in TARGETS:
            cells += [
                number(row["votes_to"][target], row["votes_to_sd"][target], 0),
                number(row["ratio_to_random"][target], None, 2),
            ]
        cells += [
            number(row[key], row[f"{key}_sd"], 3)
            for key in ("relative_area", "auroc", "precision_at_noise")
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def number(value: float | None, spread: float | None, digits: int) -> str:
    """Return mean and sd as text."""
    if value is None:
        return "-"
    text = f"{value:,.{digits}f}"
    return text if spread is None else f"{text} ± {spread:,.{digits}f}"


if __name__ == "__main__":
    main()
