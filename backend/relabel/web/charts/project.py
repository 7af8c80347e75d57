"""The charts of one project, drawn from its overview; pages and report show the same ones."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from relabel.numerics.estimates.calibration import reliability
from relabel.service.insight.noise import Noise
from relabel.service.insight.overview import Overview
from relabel.web.charts.svg import Line, heat_map, line_chart


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with the numbers behind it, for people who do not see it.

    note: what to know when reading it; head and rows: its table.
    """

    title: str
    chart: Markup
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


TABLE_ROWS = 12
"""Rows of a curve's table: enough to read its course."""


def figures(overview: Overview) -> list[Figure]:
    """Return the charts that there are data for."""
    drawn = (yield_figure(overview), matrix_figure(overview))
    return [figure for figure in drawn if figure is not None]


def yield_figure(overview: Overview) -> Figure | None:
    """Corrected labels against votes, beside the expectation of a random order once it is known."""
    curve, random, noise = overview.curve, overview.random, overview.noise
    if len(curve.votes) < 2 or noise is None:
        return None
    votes = curve.votes.tolist()
    lines = [Line("this queue", votes, curve.corrected.tolist())]
    columns = [curve.corrected.astype(str).tolist()]
    if random is not None:
        lines.append(Line("random order", votes, random.tolist(), kind="reference"))
        columns.append([f"{value:.1f}" for value in random])
    kept = np.unique(np.linspace(0, len(votes) - 1, TABLE_ROWS).round().astype(int)).tolist()
    return Figure(
        title="Labels corrected",
        chart=line_chart(
            "yield",
            "Labels corrected against votes spent",
            lines,
            x_label="votes spent",
            y_label="labels corrected",
        ),
        note=_beside(noise),
        head=("votes", *(line.label for line in lines)),
        rows=tuple((str(votes[i]), *(column[i] for column in columns)) for i in kept),
    )


def _beside(noise: Noise) -> str:
    if noise.initial is None:
        return (
            f"What a random order would have corrected depends on the share of wrong labels, which "
            f"is {noise.unknown}."
        )
    return (
        f"The dashed line is what a random order would have corrected on average if "
        f"{noise.initial.value:.1%} of the labels were wrong at first, one vote confirms a right "
        f"label, two correct a wrong one, and nobody errs."
    )


def matrix_figure(overview: Overview) -> Figure | None:
    """Which class is labelled as which."""
    if overview.noise is None:
        return None
    classes = overview.state.schema.classes
    matrix = overview.noise.matrix.tolist()
    return Figure(
        title="Which class is taken for which",
        chart=heat_map(
            "matrix",
            "Share of each true class by given label, percent",
            matrix,
            classes,
            row_label="true class (estimated)",
            column_label="given label",
        ),
        note="As the model sees it, which sees more errors than there are. Each row sums to 100%. "
        "Labels as they were when relabelling began.",
        head=("true class", *classes),
        rows=tuple(
            (name, *(f"{value:.0%}" for value in row))
            for name, row in zip(classes, matrix, strict=True)
        ),
    )


def calibration_figure(overview: Overview) -> Figure | None:
    """How often the last round's posteriors are right against how sure they are."""
    result = overview.result
    if result is None or not result.counts.any():
        return None
    found = reliability(result.posteriors.probs.astype(np.float64), result.counts, bins=10)
    filled = np.flatnonzero(found.tasks)
    sure, right = found.confidence[filled].tolist(), found.accuracy[filled].tolist()
    lines = (
        Line("posteriors", sure, right, points=True),
        Line("perfect", [0.0, 1.0], [0.0, 1.0], kind="ideal"),
    )
    return Figure(
        title="Calibration of the last round",
        chart=line_chart(
            "calibration",
            "Share of votes for the likeliest class against its probability",
            lines,
            x_label="probability of the likeliest class",
            y_label="share of votes for it",
            percent=True,
        ),
        note=(
            f"Expected calibration error {found.error:.3f}, against the votes there were, wrong "
            f"labels included: with noise the line lies below the diagonal."
        ),
        head=("probability", "share of votes", "tasks"),
        rows=tuple(
            (f"{a:.0%}", f"{b:.0%}", str(int(n)))
            for a, b, n in zip(sure, right, found.tasks[filled], strict=True)
        ),
    )
