"""From runs to the figures of summary.json and the curves of curves.csv."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from relabel.files import write_file
from relabel.simulation.campaign.rankings import TRUTH, Method
from relabel.simulation.experiment.setting import (
    BOUNDS,
    ORACLE,
    RANDOM,
    WEIGHING_ORACLE,
    Run,
    Setting,
)
from relabel.simulation.measure.curves import Curve, minimal_curve
from relabel.simulation.measure.evaluation import area_gain, paired_difference, relative_area
from relabel.types import FloatArray, IntArray

TARGETS = (0.90, 0.95, 0.99)
POINTS = 400
"""Rows per campaign in curves.csv: enough for any plot, few enough for a spreadsheet."""

Row = dict[str, Any]


def summarise(setting: Setting, methods: Sequence[Method], runs: Sequence[Run]) -> list[Row]:
    """Return one row per method, baselines first; every figure has its sd over seeds beside it.

    A figure that does not exist in every seed, such as votes to a target that was never reached,
    is None.
    """
    by_method: dict[str, list[Run]] = {}
    for run in runs:
        by_method.setdefault(run.method, []).append(run)
    parts = {str(method): asdict(method) for method in methods}
    rows = []
    for name, mine in by_method.items():
        consensus = "posterior" if name == WEIGHING_ORACLE else "majority"
        named = parts.get(name) or {
            "selector": name,
            "score": name,
            "diversity": "none",
            "consensus": consensus,
            "options": {},
        }
        rows.append({"method": name, **named, **_figures(setting, mine, by_method)})
    _compare(rows, by_method)
    return rows


def grid(budget: int) -> IntArray:
    """Return at most `POINTS` + 1 whole numbers of votes from 0 to the budget."""
    steps = np.linspace(0, budget, min(budget, POINTS) + 1)
    return np.unique(steps.round().astype(np.int64))


def write_curves(path: Path, setting: Setting, runs: Sequence[Run]) -> None:
    """Write method, seed, votes, correct; the share of right labels as it was after those votes."""
    votes = grid(setting.votes)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["method", "seed", "votes", "correct"])
    for run in runs:
        for at, correct in zip(votes, run.curve.at(votes), strict=True):
            writer.writerow([run.method, run.seed, at, f"{correct:.6f}"])
    write_file(path, text.getvalue())


def minimal_area(setting: Setting, noise_rate: float) -> float:
    """Return the area of the least possible effort at this noise rate."""
    n = len(setting.data)
    wrong = round(noise_rate * n)
    initial = np.zeros(n, dtype=np.int64)
    truth = np.where(np.arange(n) < wrong, 1, 0)
    return minimal_curve(truth, initial).area(setting.votes)


def mean_sd(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return mean and sd (ddof 1) of values that all exist; None where they do not."""
    known = [float(v) for v in values if v is not None and math.isfinite(v)]
    if not known or len(known) < len(values):
        return None, None
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return float(np.mean(known)), spread


def _figures(setting: Setting, mine: list[Run], by_method: dict[str, list[Run]]) -> Row:
    row: Row = {"seeds": len(mine)}

    def put(name: str, figure: Callable[[Run], float | None]) -> None:
        row[name], row[f"{name}_sd"] = mean_sd([figure(run) for run in mine])

    def baseline(name: str, run: Run) -> Run:
        return next(b for b in by_method[name] if b.seed == run.seed)

    put("noise_rate", lambda run: run.figures.noise_rate)

    def reach(name: str, figure: Callable[[Run, float], float | None]) -> None:
        pairs = {f"{t:.2f}": mean_sd([figure(run, t) for run in mine]) for t in TARGETS}
        row[name] = {target: pair[0] for target, pair in pairs.items()}
        row[f"{name}_sd"] = {target: pair[1] for target, pair in pairs.items()}

    def random(run: Run) -> Curve:
        return baseline(RANDOM, run).curve

    reach("votes_to", lambda run, target: run.curve.votes_to(target))
    reach("ratio_to_random", lambda run, target: _ratio(run.curve, random(run), target))
    reach("votes_to_exported", lambda run, target: run.exported.votes_to(target))
    reach("ratio_exported", lambda run, target: _ratio(run.exported, random(run), target))
    put(
        "relative_area",
        lambda run: relative_area(
            run.figures.area,
            baseline(RANDOM, run).figures.area,
            baseline(ORACLE, run).figures.area,
        ),
    )
    put("area", lambda run: run.figures.area)
    put(
        "area_gain",
        lambda run: area_gain(
            run.figures.area,
            1 - run.figures.noise_rate,
            minimal_area(setting, run.figures.noise_rate),
        ),
    )
    for name in ("auroc", "precision_at_noise", "final_correct"):
        put(name, lambda run, name=name: getattr(run.figures, name))  # type: ignore[misc]
    put("final_exported", lambda run: float(run.exported.correct[-1]))
    for name in ("remaining_clear", "remaining_ambiguous", "total_variation", "seconds"):
        put(name, lambda run, name=name: getattr(run.figures, name))  # type: ignore[misc]
    for name in ("broken", "settled_by_one", "right_by_one"):
        put(name, lambda run, name=name: getattr(run.figures, name))  # type: ignore[misc]
    return row


def _ratio(ours: Curve, random: Curve, target: float) -> float | None:
    mine, theirs = ours.votes_to(target), random.votes_to(target)
    return theirs / mine if mine and theirs else None


def _compare(rows: list[Row], by_method: dict[str, list[Run]]) -> None:
    """Add to each method how far its area lies behind the best one's, seed by seed."""

    def areas(name: str) -> FloatArray:
        runs = sorted(by_method[name], key=lambda run: run.seed)
        return np.array([run.figures.area for run in runs])

    ranked = [row for row in rows if row["method"] not in BOUNDS and row["selector"] != TRUTH]
    if not ranked:
        return
    best = max(ranked, key=lambda row: row["area"])["method"]
    for row in ranked:
        gap = asdict(paired_difference(areas(row["method"]), areas(best)))
        row["area_minus_best"] = {k: v if math.isfinite(v) else None for k, v in gap.items()}
