"""What the posterior as evidence saves: campaigns under both consensuses, by score and by gain.

    python benchmarks/votes.py [--data FOLDER] [--sets cifar10h_15=10,cifar10h_30=3]

A set, and over how many seeds. Each as the product has it (an audit of 5 % of the votes, which
count, and rates learnt from it); where its name ends in `_told`, with the true rates told and no
audit. Ratios are to random order with strict majority on the same first labels and answers. Seeds
start at 100, by which nothing was chosen. The posteriors are those of `linear` on the provided
vectors, on those of `tiny` where there are none. Below each table: of the labels that rest on one
person and the model, how many are right, by how much each was believed, and what is lost. Writes
results/votes.md after every seed; run again with the same code, it goes on where it was.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import relabel
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import RANDOM, Run, Setting
from relabel.simulation.measure.curves import Curve
from relabel.simulation.measure.evaluation import paired_difference
from relabel.types import BoolArray

OUT = Path(__file__).resolve().parent / "results" / "votes.md"
CACHE = OUT.parents[1] / ".cache"
FIRST_SEED = 100
BY_PEOPLE = (Method("linear", "tiered_phi"),)
BY_EVIDENCE = (
    Method("linear", "tiered_phi", consensus="posterior"),
    Method("linear", "gain", consensus="posterior"),
)
SETS = {
    "cifar10h_15": ("cifar10h", "temperature", 0.15),
    "cifar10n_people": ("cifar10n_people", "given", None),
    "cifar10h_30": ("cifar10h", "temperature", 0.30),
    "cifar10n": ("cifar10n", "given", None),
    "cifar10n_worse": ("cifar10n_worse", "given", None),
    "fashion_mnist": ("fashion_mnist", "clusters", 0.15),
    "digits": ("digits", "symmetric", 0.15),
}
TOLD = "_told"
MOST_BROKEN = 0.005
BANDS = (0.95, 0.96, 0.97, 0.98, 0.99, 0.999, 1.0)
RULE = (
    "",
    "x: votes of random order with strict majority, divided by the method's, seed by seed. A band",
    "is *less right than believed* where the share right is below its lower end by more than .01.",
)
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
    parser.add_argument("--sets", default="cifar10h_15=10,cifar10h_15_told=10")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--samples", type=int, default=15_000, help="of larger sets, per seed")
    args = parser.parse_args()
    if not (args.data / "cifar10h_test.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10H in {args.data}.")
    seeds = f"Seeds from {FIRST_SEED} on; ± is the half width of a 95 % interval."
    head = ["# Votes", "", f"    python benchmarks/votes.py --sets {args.sets}", "", seeds, *RULE]
    sections: list[str] = []
    for part in args.sets.split(","):
        name, _, number = part.partition("=")
        begun = sections
        for runs in campaigns(name, args.data, int(number), args.samples):
            how = (
                "true rates told, no audit" if name.endswith(TOLD) else "audit of 5 %, rates learnt"
            )
            done = len(runs[RANDOM])
            title = f"## {name.removesuffix(TOLD)}: {how}, {done} seed{'s' * (done > 1)}"
            tables = [*table(runs), "", *reliability(runs), "", *losses(runs)]
            sections = [*begun, "", title, "", *tables]
            args.out.write_text("\n".join([*head, *sections, ""]))
    print(args.out.read_text())


def campaigns(
    name: str, sources: Path, number: int, samples: int
) -> Iterator[dict[str, list[Run]]]:
    """Yield the runs of each method, seed after seed; what has been run before is only read."""
    told = name.endswith(TOLD)
    dataset, noise, rate = SETS[name.removesuffix(TOLD)]
    data = with_features(load_dataset(dataset, sources), "tiny", CACHE, max_pixels=10**8)
    share = 0.0 if told else 0.05
    setting = Setting(data, noise, rate, audit_share=share, known_rates=told)
    methods = BY_EVIDENCE if told else BY_PEOPLE + BY_EVIDENCE
    by_method: dict[str, list[Run]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + number):
        rows = np.random.default_rng(seed).permutation(len(data))[:samples]
        each = replace(setting, data=data.rows(np.sort(rows)))
        for run in run_experiment(
            each, methods, (seed,), folder=CACHE / "runs" / code(), progress=show
        ):
            by_method.setdefault(run.method, []).append(run)
        yield by_method


def code() -> str:
    """Return a digest of the code that a campaign runs through: other code, other votes."""
    package = Path(relabel.__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for room in ("numerics", "learning", "simulation/campaign", "simulation/data"):
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def table(by_method: dict[str, list[Run]]) -> list[str]:
    """Return the table of one setting."""
    random = [run.curve for run in by_method[RANDOM]]
    wrong = np.mean([run.figures.noise_rate for run in by_method[RANDOM]])
    tasks = len(by_method[RANDOM][0].initial)
    lines = [f"{tasks:,} tasks, {wrong:.1%} wrong at first.", ""]
    lines += [f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for name, mine in by_method.items():
        lines.append(f"| {' | '.join([name, *cells(mine, random)])} |")
    return lines


def reliability(by_method: dict[str, list[Run]]) -> list[str]:
    """Return the table of what one person and the model settled, by how much it was believed."""
    heads = ("settled by one person and the model, all seeds", "old label", *bands())
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, mine in by_method.items():
        for label, found in (("kept", right_of(mine, False)), ("changed", right_of(mine, True))):
            shown = [f"{each.mean():.3f} of {len(each):,}" if len(each) else "-" for each in found]
            if any(len(each) for each in found):
                lines.append(f"| {' | '.join([name, label, *shown])} |")
    return lines


def right_of(mine: list[Run], changed: bool) -> list[BoolArray]:
    """Return which labels are right, band by band, of those kept or of those changed."""
    parts = ("believed", "changed", "right")
    believed, moved, right = (
        np.concatenate([getattr(run.alone, part) for run in mine]) for part in parts
    )
    place = np.searchsorted(BANDS, believed, side="right") - 1
    return [right[(moved == changed) & (place == band)] for band in range(len(BANDS) - 1)]


def losses(by_method: dict[str, list[Run]]) -> list[str]:
    """Say of each method how many labels it breaks, and how many bands are less right."""
    lines = []
    for name, mine in by_method.items():
        broken = np.mean([broken_of(run) for run in mine])
        found = {"kept": right_of(mine, False), "changed": right_of(mine, True)}
        if not any(len(right) for each in found.values() for right in each):
            continue
        right = np.concatenate([right for each in found.values() for right in each])
        bad = [f"{label} {low_bands(each)}" for label, each in found.items() if low_bands(each)]
        more = "more" if broken > MOST_BROKEN else "not more"
        lines.append(
            f"- {name}: breaks {broken:.2%} of the right labels, {more} than {MOST_BROKEN:.1%}; "
            f"of all by one person and the model {right.mean():.4f} are right; "
            f"less right than believed: {'; '.join(bad) or 'no band'}."
        )
    return lines


def low_bands(found: list[BoolArray]) -> str:
    """Name the bands with fewer right labels than their lower end says, less .01."""
    low = [
        head
        for head, floor, right in zip(bands(), BANDS[:-1], found, strict=True)
        if len(right) and right.mean() < floor - 0.01
    ]
    return ", ".join(low)


def broken_of(run: Run) -> float:
    """Return the share of the labels right at first that are wrong at the end."""
    return run.figures.broken / (len(run.initial) * (1 - run.figures.noise_rate))


def bands() -> list[str]:
    """Return the heads of the columns by belief."""
    return [f"{low:g} to {high:g}" for low, high in pairwise(BANDS)]


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
    found += [mean(broken_of, "{:.2%}")]
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
