"""What a simulation leaves behind: files in the output folder and a table in the terminal."""

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table

from relabel.accounts import Accounts
from relabel.errors import BadImageError
from relabel.files import told, write_file
from relabel.learning.data import Selection
from relabel.media.image.decode import pixels
from relabel.numerics.labels import leading
from relabel.numerics.posteriors import cross_entropy, entropy, normalise
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.experiment.setting import Run, Setting
from relabel.simulation.experiment.summary import Row, grid, write_curves
from relabel.simulation.measure.curves import minimal_curve
from relabel.simulation.report.plots import Picture, draw_curves, draw_ranking
from relabel.types import FloatArray, IntArray

SHOWN = 8
"""Images per row of the ranking picture."""

COLUMNS = {
    "method": "method",
    "votes to 90 %": "votes_to.0.90",
    "x random": "ratio_to_random.0.90",
    "votes to 95 %": "votes_to.0.95",
    "x random ": "ratio_to_random.0.95",
    "relative area": "relative_area",
    "AUROC": "auroc",
    "precision": "precision_at_noise",
    "correct at end": "final_correct",
    "seconds": "seconds",
}
"""Heading -> where a summary row holds the figure."""

EXPORTED = {
    "90 % as exported": "votes_to_exported.0.90",
    "x random  ": "ratio_exported.0.90",
    "95 % as exported": "votes_to_exported.0.95",
    "x random   ": "ratio_exported.0.95",
}
"""Columns that say something else only where the posterior is evidence; page and wide terminal."""

CORE = dict(list(COLUMNS.items())[:6])
"""The columns that a terminal of ordinary width has room for."""

WIDE = 150
"""Characters per line from which all columns fit, with their standard deviations."""

PAGE = Template(
    """<!doctype html><html lang="en"><meta charset="utf-8"><title>$title</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .5rem;text-align:right;
border-bottom:1px solid #ddd}th:first-child,td:first-child{text-align:left}img{max-width:100%}
code{background:#f3f3f3;padding:.1rem .3rem}pre{white-space:pre-wrap}td{white-space:nowrap}
</style><h1>$title</h1><p>$intro</p>$books$paper<h2>Figures</h2>$table
<p>Figures are means over seeds, ± one standard deviation. <b>Votes</b> counts every single answer,
the first label not included. <b>x random</b>: how many times more votes random order needs.
<b>Relative area</b>: mean quality over the budget, 0 = random order, 1 = an oracle that knows the
truth and asks each task once. <b>AUROC</b>: chance that a wrong label is ranked above a right one.
<b>Precision</b>: share of wrong labels among the first questions, as many as labels are wrong. A
dash: not reached within the budget. <b>As exported</b>, where the posterior is evidence: all labels
as they would be taken out; the other columns count the labels of settled tasks.</p>
<h2>Label quality against votes</h2><img alt="label quality against votes" src="$curves">
$ranking<h2>How to repeat it</h2><pre><code>$options</code></pre></html>
"""
)


def write_report(
    out: Path,
    title: str,
    setting: Setting,
    rows: Sequence[Row],
    runs: Sequence[Run],
    options: dict[str, Any],
    paper: Sequence[Row] = (),
) -> None:
    """Write summary.json, curves.csv, curves.png, curves.svg and report.html into `out`.

    ranking.png is taken up where it lies there already. paper: rows of the published table, each
    {"row", "paper", "ours"}.
    """
    out.mkdir(parents=True, exist_ok=True)
    content = {
        "title": title,
        "options": options,
        "accounts": setting.data.accounts.to_json(),
        "rows": list(rows),
        "paper": list(paper),
    }
    write_file(out / "summary.json", json.dumps(content, indent=1, default=str) + "\n")
    write_curves(out / "curves.csv", setting, runs)
    votes = grid(setting.votes)
    draw_curves(
        votes,
        runs,
        _minimal(setting, rows, votes),
        title,
        [out / "curves.png", out / "curves.svg"],
    )
    write_file(out / "report.html", _page(out, title, setting, rows, options, paper))


def write_ranking(
    out: Path,
    data: Dataset,
    counts: IntArray,
    selection: Selection,
    score: FloatArray,
    *,
    max_pixels: int,
) -> bool:
    """Draw the top, middle and bottom of a ranking with their CE and H; False if no images.

    Raises:
        BadImageError: one of them is gone or damaged since it was read; the message names it.

    """
    if data.images is None and not data.paths:
        return False
    order = np.argsort(-score, kind="stable")
    middle = len(order) // 2 - SHOWN // 2
    parts = {
        "top": order[:SHOWN],
        "middle": order[middle : middle + SHOWN],
        "bottom": order[-SHOWN:],
    }
    probs = selection.posteriors.probs.astype(np.float64)
    loss, doubt = cross_entropy(normalise(counts), probs), entropy(probs)
    groups = {
        name: [_picture(data, int(row), counts, loss[row], doubt[row], max_pixels) for row in rows]
        for name, rows in parts.items()
    }
    draw_ranking(groups, out / "ranking.png")
    return True


def table_of(rows: Sequence[Row], title: str, width: int) -> Table:
    """Return the summary as a table for a terminal of `width` characters."""
    wide = width >= WIDE
    columns = all_columns(rows) if wide else CORE
    more = "" if wide else "; standard deviations and more figures are in the report"
    seeds = max(int(row["seeds"]) for row in rows)
    table = Table(
        title=title,
        box=SIMPLE_HEAD,
        collapse_padding=True,
        caption=f"Means over {seeds} seeds{more}.",
    )
    for heading in columns:
        is_name = heading == "method"
        justify: JustifyMethod = "left" if is_name else "right"
        longest = max(map(len, heading.split()))
        table.add_column(heading.strip(), justify=justify, no_wrap=is_name, min_width=longest)
    for row in rows:
        table.add_row(*(_cell(row, where, spreads=wide) for where in columns.values()))
    return table


def all_columns(rows: Sequence[Row]) -> dict[str, str]:
    """Return the columns for these rows: those of the second account where they differ."""
    if all(row["votes_to_exported"] == row["votes_to"] for row in rows):
        return COLUMNS
    return COLUMNS | EXPORTED


def paper_table(paper: Sequence[Row]) -> Table:
    """Return the paper's rows beside ours, for the terminal."""
    table = Table(title="Published beside ours")
    for heading in ("row", "paper", "ours"):
        table.add_column(heading)
    for row in paper:
        table.add_row(*(str(row[key]) for key in ("row", "paper", "ours")))
    return table


def _page(
    out: Path,
    title: str,
    setting: Setting,
    rows: Sequence[Row],
    options: dict[str, Any],
    paper: Sequence[Row],
) -> str:
    data = setting.data
    wrong = (rows[0]["noise_rate"] or 0) * 100
    intro = (
        f"{len(data):,} samples of {html.escape(data.name)}, {len(data.classes)} classes, "
        f"{wrong:.1f} % of the labels wrong at the start; {setting.votes:,} votes, "
        f"{rows[0]['seeds']} seeds."
    )
    ranking = ""
    if (out / "ranking.png").exists():
        ranking = (
            "<h2>Top, middle and bottom of the ranking</h2><p>CE: cross-entropy of the label under "
            "the model, H: the model's entropy, both in nats.</p>"
            f'<img alt="ranked images" src="{_inline(out / "ranking.png")}">'
        )
    columns = all_columns(rows)
    return PAGE.substitute(
        title=html.escape(title),
        intro=intro,
        table=_html_table(columns, [[_cell(r, w) for w in columns.values()] for r in rows]),
        books=_books_html(data.accounts),
        paper=_paper_html(paper),
        curves=_inline(out / "curves.png"),
        ranking=ranking,
        options=html.escape(json.dumps(options, indent=1, default=str)),
    )


def _books_html(accounts: Accounts) -> str:
    if not accounts.books:
        return ""
    return f"<h2>What was read</h2><pre>{html.escape(chr(10).join(accounts.lines()))}</pre>"


def _paper_html(paper: Sequence[Row]) -> str:
    if not paper:
        return ""
    keys = ("row", "paper", "ours")
    return "<h2>Published beside ours</h2>" + _html_table(
        keys, [[str(row[key]) for key in keys] for row in paper]
    )


def _html_table(headings: "Sequence[str] | dict[str, str]", rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(h.strip())}</th>" for h in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(row: Row, where: str, *, spreads: bool = True) -> str:
    name, _, key = where.partition(".")
    value, spread = row[name], row.get(f"{name}_sd")
    if key:
        value, spread = value[key], spread and spread[key]
    if value is None or isinstance(value, str):
        return value or "-"
    digits = 0 if name.startswith("votes_to") else 1 if name == "seconds" else 3
    digits = 2 if name.startswith("ratio") else digits
    text = f"{value:,.{digits}f}"
    if spread is None or name == "seconds" or not spreads:
        return text
    return f"{text} ± {spread:,.{digits}f}"


def _minimal(setting: Setting, rows: Sequence[Row], votes: IntArray) -> FloatArray:
    n = len(setting.data)
    wrong = round((rows[0]["noise_rate"] or 0) * n)
    truth = (np.arange(n) < wrong).astype(np.int64)
    return minimal_curve(truth, np.zeros(n, dtype=np.int64)).at(votes)


def _picture(
    data: Dataset, row: int, counts: IntArray, loss: float, doubt: float, max_pixels: int
) -> Picture:
    first, true = int(leading(counts[row : row + 1])[0]), data.classes[data.truth[row]]
    label = data.classes[first] if first >= 0 else "no label"
    caption = label if label == true else f"{label} (is {true})"
    try:
        shown = pixels(data.picture(row, max_pixels=max_pixels))
    except BadImageError as error:
        raise BadImageError(f"{told(data.paths[row])}: {error}") from error
    return Picture(shown, f"{caption}\nCE {loss:.2f}  H {doubt:.2f}")


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def public_options(options: object) -> dict[str, Any]:
    """Return an options dataclass as plain values for summary.json."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()}  # type: ignore[call-overload]
