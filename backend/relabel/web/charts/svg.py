"""Charts as inline SVG: pure functions from figures to markup, coloured by the page's style sheet.

Each has a title and a description for people who do not see it; sizes are in user units, of which a
narrow phone shows one per pixel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 30, 40
CELL_TEXT_UP_TO = 14
"""Classes up to which the cells of a heat map are wide enough for a number."""
LONGEST_NAME = 9


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart. kind: "main", "reference" or "ideal"."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = "main"
    points: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps values to places: `low` to `start`, `high` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> str:
        share = (value - self.low) / (self.high - self.low)
        return f"{self.start + share * (self.stop - self.start):.1f}"


def line_chart(
    name: str,
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    percent: bool = False,
) -> Markup:
    """Return lines over a common x axis, with ticks, grid and legend.

    Args:
        name: unique on its page: the SVG's ids begin with it.
        title: what the chart shows.
        lines: at least one, each with at least one point.
        x_label: under the x axis, with its unit.
        y_label: at the y axis.
        percent: write values of y as percentages.

    """
    xs = [x for line in lines for x in line.x]
    ys = [y for line in lines for y in line.y]
    x_ticks = ticks(min(0.0, *xs), max(xs))
    y_ticks = ticks(0.0, max(ys))
    x = _Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT)
    y = _Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [_axes(x, y, x_ticks, y_ticks, percent=percent)]
    parts += [_line(line, x, y) for line in lines]
    parts.append(_legend(lines))
    parts.append(
        Markup('<text class="axis-label" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label
        )
    )
    ends = "; ".join(_end(line, percent=percent) for line in lines)
    return _svg(name, title, f"{y_label} against {x_label}. {ends}.", parts, HEIGHT)


def heat_map(
    name: str,
    title: str,
    matrix: Sequence[Sequence[float]],
    classes: Sequence[str],
    *,
    row_label: str,
    column_label: str,
) -> Markup:
    """Return a square matrix of shares in [0, 1], darker = larger; rows from top to bottom."""
    k, left, top = len(classes), 78, 60
    cell = (WIDTH - left - RIGHT) / k
    parts = [_names(classes, cell, left, top)]
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            parts.append(_cell(left + j * cell, top + i * cell, cell, value, k, i == j))
    parts.append(
        Markup(
            '<text class="axis-label" x="{x}" y="14" text-anchor="middle">{column}</text>'
            '<text class="axis-label" transform="translate(14 {y}) rotate(-90)" '
            'text-anchor="middle">{row}</text>'
        ).format(x=left + k * cell / 2, y=top + k * cell / 2, column=column_label, row=row_label)
    )
    worst = sorted(
        ((value, i, j) for i, row in enumerate(matrix) for j, value in enumerate(row) if i != j),
        reverse=True,
    )[:3]
    text = "; ".join(f"{classes[i]} labelled {classes[j]}: {v:.0%}" for v, i, j in worst)
    return _svg(name, title, f"Largest shares off the diagonal: {text}.", parts, top + k * cell + 6)


def ticks(low: float, high: float) -> list[float]:
    """Return round values that span [low, high], increasing, at least two."""
    span = high - low if high > low else 1.0
    rough = span / 5  # about as many steps
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(s * size for s in (1, 2, 2.5, 5, 10) if s * size >= rough - 1e-12)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil((low + span) / step - 1e-9), first + 1)
    return [n * step for n in range(first, last + 1)]


def number(value: float, *, percent: bool = False) -> str:
    """Return a value as a tick shows it."""
    return f"{100 * value:.3g}%" if percent else f"{value:,.6g}"


def _axes(
    x: _Scale, y: _Scale, x_ticks: list[float], y_ticks: list[float], *, percent: bool
) -> Markup:
    rows = [
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
            '<text class="tick" x="{}" y="{y}" dy="4" text-anchor="end">{}</text>'
        ).format(LEFT, WIDTH - RIGHT, LEFT - 6, number(value, percent=percent), y=y(value))
        for value in y_ticks
    ]
    columns = [
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            x(value), HEIGHT - BOTTOM + 16, number(value)
        )
        for value in x_ticks
    ]
    return Markup("").join(rows + columns)


def _line(line: Line, x: _Scale, y: _Scale) -> Markup:
    path = " ".join(f"{x(a)},{y(b)}" for a, b in zip(line.x, line.y, strict=True))
    drawn = Markup('<polyline class="line {}" points="{}"/>').format(line.kind, path)
    if not line.points:
        return drawn
    dots = [
        Markup('<circle class="dot {}" cx="{}" cy="{}" r="3.5"/>').format(line.kind, x(a), y(b))
        for a, b in zip(line.x, line.y, strict=True)
    ]
    return drawn + Markup("").join(dots)


def _legend(lines: Sequence[Line]) -> Markup:
    place, parts = float(LEFT), []
    for line in lines:
        parts.append(
            Markup(
                '<line class="line {}" x1="{}" x2="{}" y1="14" y2="14"/>'
                '<text class="legend" x="{}" y="18">{}</text>'
            ).format(line.kind, place, place + 18, place + 23, line.label)
        )
        place += 38 + 6.6 * len(line.label)
    return Markup("").join(parts)


def _names(classes: Sequence[str], cell: float, left: float, top: float) -> Markup:
    parts = []
    for i, full in enumerate(classes):
        name = full if len(full) <= LONGEST_NAME else full[: LONGEST_NAME - 1] + "…"
        turn = -40 if len(name) * 7 > cell else 0
        parts.append(
            Markup(
                '<text class="tick" transform="translate({} {}) rotate({})" '
                'text-anchor="{}">{}</text>'
            ).format(left + (i + 0.5) * cell, top - 6, turn, "start" if turn else "middle", name)
        )
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" dy="4" text-anchor="end">{}</text>').format(
                left - 6, top + (i + 0.5) * cell, name
            )
        )
    return Markup("").join(parts)


def _cell(x: float, y: float, size: float, value: float, k: int, diagonal: bool) -> Markup:
    kind = "right" if diagonal else "wrong"
    # The ground is white or black: a share of 3% would not be seen without the square root.
    opacity = math.sqrt(min(max(value, 0.0), 1.0))
    cell = Markup(
        '<rect class="cell {}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" '
        'fill-opacity="{:.2f}"/>'
    ).format(kind, x, y, size - 1, size - 1, 0.75 * opacity)
    if k > CELL_TEXT_UP_TO or value < 0.005:
        return cell
    return cell + Markup(
        '<text class="cell-text" x="{:.1f}" y="{:.1f}" dy="4" text-anchor="middle">{:.0f}</text>'
    ).format(x + (size - 1) / 2, y + (size - 1) / 2, 100 * value)


def _end(line: Line, *, percent: bool) -> str:
    last = number(line.y[-1], percent=percent)
    return f"{line.label}: {last} at {number(line.x[-1])}"


def _svg(name: str, title: str, description: str, parts: Sequence[Markup], height: float) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height:.0f}" role="img" '
        'aria-labelledby="{name}-title {name}-text"><title id="{name}-title">{title}</title>'
        '<desc id="{name}-text">{text}</desc>{body}</svg>'
    ).format(
        width=WIDTH,
        height=height,
        name=name,
        title=title,
        text=description,
        body=Markup("").join(parts),
    )
