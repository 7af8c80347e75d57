"""Pictures of campaigns. The one module that imports matplotlib."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from relabel.files import write_file
from relabel.simulation.data.dataset import ImageArray
from relabel.simulation.experiment.setting import ORACLE, RANDOM, REPEATING, Run
from relabel.types import FloatArray, IntArray

GREY_SAFE = ("#1b4f9c", "#d1600a", "#2a8c55", "#8a2b8f", "#555555", "#b00020", "#0e8a93", "#7a5c00")
"""Colours whose lightness differs; together with dashes and markers they survive grey printing."""

DASHES = ((), (6, 2), (2, 2), (8, 2, 2, 2), (4, 1), (1, 1))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

FIXED: dict[str, dict[str, Any]] = {
    ORACLE: {"color": "black", "linestyle": "--", "linewidth": 1.6},
    REPEATING: {"color": "black", "linestyle": "-.", "linewidth": 1.2},
    RANDOM: {"color": "#777777", "linestyle": ":", "linewidth": 2.2},
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One captioned image. image: (H, W) or (H, W, 3) uint8."""

    image: ImageArray
    caption: str


def draw_curves(
    votes: IntArray, runs: Sequence[Run], minimal: FloatArray, title: str, paths: Sequence[Path]
) -> None:
    """Draw the share of right labels against votes and save it to every path, by suffix.

    votes: (G,); minimal: (G,) the least possible effort at these votes. A line is the mean over
    seeds, its band one standard deviation to both sides.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    curves: dict[str, list[FloatArray]] = {}
    for run in runs:
        curves.setdefault(run.method, []).append(run.curve.at(votes) * 100)
    axes.plot(
        votes, minimal * 100, color="#aaaaaa", linewidth=1, label="minimal (2 votes per error)"
    )
    for number, (name, lines) in enumerate(curves.items()):
        style = FIXED.get(name) or _style(number, len(votes))
        mean = np.mean(lines, axis=0)
        spread = np.std(lines, axis=0, ddof=1) if len(lines) > 1 else np.zeros_like(mean)
        (line,) = axes.plot(votes, mean, label=name, **style)
        axes.fill_between(
            votes, mean - spread, mean + spread, color=line.get_color(), alpha=0.15, linewidth=0
        )
    axes.set(xlabel="votes", ylabel="correct labels (%)", title=title, xlim=(0, votes[-1]))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=9)
    for path in paths:
        _save(figure, path)


def draw_ranking(groups: Mapping[str, Sequence[Picture]], path: Path) -> None:
    """Draw rows of captioned images, one row per group (Bernhardt et al. 2022, Fig. 4)."""
    widest = max(len(pictures) for pictures in groups.values())
    figure = Figure(figsize=(1.45 * widest, 2.15 * len(groups)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(groups), widest, squeeze=False)
    for row, (name, pictures) in enumerate(groups.items()):
        for cell in axes[row]:
            cell.set_axis_off()
        for cell, picture in zip(axes[row], pictures, strict=False):
            cell.imshow(picture.image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            cell.set_title(picture.caption, fontsize=7)
        axes[row][0].text(
            -0.25,
            0.5,
            name,
            rotation=90,
            va="center",
            ha="center",
            fontsize=9,
            transform=axes[row][0].transAxes,
        )
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format=path.suffix.removeprefix("."))
    write_file(path, drawn.getvalue())


def _style(number: int, points: int) -> dict[str, Any]:
    return {
        "color": GREY_SAFE[number % len(GREY_SAFE)],
        "dashes": DASHES[number % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
        "markevery": (number * max(points // 60, 1), max(points // 8, 1)),
        "markersize": 4.5,
        "linewidth": 1.6,
    }
