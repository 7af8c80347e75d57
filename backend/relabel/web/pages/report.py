"""The report: one file with everything in it, for people without access to the dashboard."""

import base64
import time
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Engine

from relabel import __version__
from relabel.files import write_file
from relabel.media.registry import MEDIUM
from relabel.service.context import Context
from relabel.service.insight.overview import Overview, class_figures, read_overview, sentence
from relabel.service.insight.preview import corrected_rows, explain, undecided_rows
from relabel.service.votes.settled import IN_WORDS, count_settled
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.tasks import list_tasks
from relabel.types import IntArray
from relabel.web.charts.project import calibration_figure, figures
from relabel.web.pages.routes import FILTERS

EXAMPLES = 24
"""Corrected and undecided tasks that are shown with their image."""

WEB = Path(__file__).parents[1]


def write_report(context: Context, number: int, out: Path) -> None:
    """Write a project's report as one HTML file; whoever opens it needs nothing else.

    Args:
        context: settings and store; Label Studio is not asked.
        number: id of the project.
        out: the file; an existing one is replaced.

    Raises:
        NotReadyError: the project is not connected.
        ConfigurationError: the file cannot be written.

    """
    overview = read_overview(context.engine, context.settings, number)
    write_file(out, render_report(overview, context.engine, context.settings), "--out")


def render_report(overview: Overview, engine: Engine, settings: Settings) -> str:
    """Return the report as HTML."""
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters.update(FILTERS)
    corrected = _most_telling(overview)
    undecided = undecided_rows(overview.state, EXAMPLES)
    shown = [
        explain(overview.state, rows, overview.result, overview.nearest)
        for rows in (corrected, undecided)
    ]
    drawn = [*figures(overview), calibration_figure(overview)]
    return environment.get_template("report.html").render(
        css=Markup((WEB / "static" / "relabel.css").read_text()),  # noqa: S704  our own file  # nosec B704
        overview=overview,
        status=overview.status,
        sentence=sentence(overview),
        figures=[figure for figure in drawn if figure is not None],
        classes=class_figures(overview.state),
        kinds=count_settled(overview.state),
        words=IN_WORDS,
        corrected=shown[0],
        undecided=shown[1],
        pictures=_pictures(overview, engine, settings, [*corrected, *undecided]),
        written_at=time.time(),
        version=__version__,
    )


def _most_telling(overview: Overview) -> IntArray:
    """Return rows of corrected tasks, those first whose given label the model found unlikeliest."""
    rows = corrected_rows(overview.state)
    told = explain(overview.state, rows, overview.result, None)
    doubts = [1.0 if t.given_probability is None else t.given_probability for t in told]
    return rows[np.argsort(doubts, kind="stable")][:EXAMPLES]


def _pictures(
    overview: Overview, engine: Engine, settings: Settings, rows: list[int]
) -> dict[int, str]:
    """Return thumbnails of tasks as data addresses, by task; those not in the cache are missing."""
    number, task_ids = overview.state.project.id, overview.state.counts.task_ids[rows]
    with reading(engine) as connection:
        tasks = list_tasks(connection, number, task_ids.tolist())
    thumbnails = MEDIUM.previews(settings)
    pictures = {}
    for task in tasks.values():
        digest = thumbnails.digest(number, task.image)
        content = thumbnails.read(digest) if digest else None
        if content is not None:
            coded = base64.b64encode(content).decode()
            pictures[task.task_id] = f"data:{MEDIUM.mimetype};base64,{coded}"
    thumbnails.close()
    return pictures
