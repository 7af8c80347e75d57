"""Every selector in the same cleaning campaigns on CIFAR-10H.

    python benchmarks/selector_ranking.py [--data FOLDER] [--seeds 3] [--features provided,wide]
        [--rates 0.15,0.30] [--selectors linear,...] [--retrain 0]

Selectors that read embeddings get frozen features (frozen_features.py); those that train on pixels
need an accelerator for 10,000 images and are left out unless named. Ratios are to random order on
the same noise and the same answers. Writes results/selectors.md.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from frozen_features import frozen_features
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Setting
from relabel.simulation.experiment.summary import summarise

OUT = Path(__file__).resolve().parent / "results" / "selectors.md"
SCORES = ("tiered_phi", "ce", "phi")
SELECTORS = (
    "ensemble",
    "linear",
    "vanilla",
    "co_teaching",
    "co_teaching_vog",
    "robust_update",
    "elr",
    "dalc",
    "o2u",
    "simifeat",
)
HEADS = ("ranking", "votes to 0.90", "x", "to 0.95", "x", "relative area", "AUROC", "s per seed")


def main() -> None:
    """Run all sections and write the tables, one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--features", default="wide,provided")
    parser.add_argument("--rates", default="0.15,0.30")
    parser.add_argument("--selectors", default=",".join(SELECTORS))
    parser.add_argument("--scores", default=",".join(SCORES))
    parser.add_argument("--retrain", type=int, default=0, help="votes; 0 = train once")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    if not (args.data / "cifar10h_test.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10H in {args.data}.")
    lines = [
        "# Selectors",
        "",
        f"    python benchmarks/selector_ranking.py {' '.join(sys.argv[1:])}",
    ]
    for kind in args.features.split(","):
        data = replace(
            load_dataset("cifar10h", args.data), features=frozen_features(args.data, kind)
        )
        for rate in args.rates.split(","):
            setting = Setting(data, "temperature", float(rate), retrain_every=args.retrain or None)
            lines += ["", f"## {kind} features, {float(rate):.0%} of the labels wrong", ""]
            lines += section(setting, args)
            args.out.parent.mkdir(exist_ok=True)
            args.out.write_text("\n".join([*lines, ""]))
    print(args.out.read_text())


def section(setting: Setting, args: argparse.Namespace) -> list[str]:
    """Return the table of one setting, the best relative area first."""
    scores, names = args.scores.split(","), args.selectors.split(",")
    methods = tuple(Method(name, score) for name in names for score in scores)
    cache = OUT.parents[1] / ".cache" / "runs"  # an interrupted run goes on where it was
    seeds = tuple(range(args.seeds))
    runs = run_experiment(setting, methods, seeds, folder=cache, progress=show)
    rows = summarise(setting, methods, runs)
    # The first score of a selector pays for its training; the others reuse what it found.
    seconds = {row["method"]: row["seconds"] for row in rows}
    taken = {name: seconds[str(Method(name, scores[0]))] for name in names}
    rows.sort(key=lambda row: -(row["relative_area"] or 0))
    lines = [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for row in rows:
        name = str(row["method"]).split(" ", maxsplit=1)[0]
        lines.append(f"| {' | '.join(cells(row, taken.get(name)))} |")
    return lines


def show(stage: str, done: int, total: int) -> None:
    """Print how far the campaigns are."""
    print(f"{stage} {done} of {total}", flush=True)


def cells(row: dict, seconds: float | None) -> list[str]:
    """Return one row of the table."""
    found = [str(row["method"])]
    for target in ("0.90", "0.95"):
        votes, ratio = row["votes_to"][target], row["ratio_to_random"][target]
        found += ["-" if votes is None else f"{votes:,.0f}"]
        found += ["-" if ratio is None else f"{ratio:.2f}"]
    for key in ("relative_area", "auroc"):
        mean, spread = row[key], row[f"{key}_sd"]
        found.append("-" if mean is None else f"{mean:.3f} ± {spread or 0:.3f}")
    return [*found, "-" if seconds is None else f"{seconds:.0f}"]


if __name__ == "__main__":
    main()
