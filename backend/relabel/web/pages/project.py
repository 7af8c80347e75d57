"""What each page of a project shows: one function per page, from overview to template values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from relabel.media.registry import MEDIUM
from relabel.service.insight.annotators import LEAST_VOTES, people
from relabel.service.insight.duplicates import find_duplicates
from relabel.service.insight.overview import Overview, class_figures, sentence
from relabel.service.insight.preview import (
    explain,
    next_rows,
    reason,
    rows_settled,
    undecided_rows,
)
from relabel.service.votes.settled import IN_WORDS, count_settled, kinds_named
from relabel.settings import Settings
from relabel.storage.rounds import Round
from relabel.web.charts.project import calibration_figure, figures
from relabel.web.pages.settings import explain_policy, explain_settings

PREVIEW = 12
"""Tasks of the queue that are shown."""

LONGEST_LIST = 100
"""Rows of a list; what is beyond is counted, not shown."""


Query = Mapping[str, str]
"""What stands behind the question mark of a page's address."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a project. show: returns the template's values."""

    title: str
    show: Callable[[Overview, Settings, Query], dict[str, Any]]


def overview_page(overview: Overview, _settings: Settings, _query: Query) -> dict[str, Any]:
    """State, figures and charts."""
    return {
        "sentence": sentence(overview),
        "figures": figures(overview),
        "classes": class_figures(overview.state),
        "duplicates": overview.nearest and find_duplicates(overview.state, overview.nearest),
    }


def queue_page(overview: Overview, _settings: Settings, _query: Query) -> dict[str, Any]:
    """The tasks that people are asked next, and why."""
    rows = next_rows(overview.state, PREVIEW)
    found = explain(overview.state, rows, overview.result, overview.nearest)
    return {
        "tasks": [(task, reason(task)) for task in found],
        "stopped": overview.stopped,
        "explained": overview.nearest is not None,
    }


def labels_page(overview: Overview, _settings: Settings, query: Query) -> dict[str, Any]:
    """All tasks with their labels, or those that were settled in one way."""
    asked = query.get("settled_by", "")
    rows = rows_settled(overview.state, kinds_named([asked] if asked else []))
    shown = rows[:LONGEST_LIST]
    return {
        "asked": asked,
        "kinds": count_settled(overview.state),
        "words": IN_WORDS,
        "tasks": explain(overview.state, shown, None, None),
        "more": len(rows) - len(shown),
    }


def undecided_page(overview: Overview, _settings: Settings, _query: Query) -> dict[str, Any]:
    """Tasks on which the votes do not agree."""
    rows = undecided_rows(overview.state, len(overview.state.places.task_ids))
    shown = rows[:LONGEST_LIST]
    return {
        "tasks": explain(overview.state, shown, overview.result, overview.nearest),
        "more": len(rows) - len(shown),
        "max_votes": overview.policy.max_votes,
    }


def images_page(overview: Overview, _settings: Settings, _query: Query) -> dict[str, Any]:
    """Tasks whose image cannot be used."""
    failed = list(overview.state.unusable.values())
    rows = [(t.task_id, MEDIUM.brief(t.image), t.problem) for t in failed[:LONGEST_LIST]]
    return {"failed": rows, "more": len(failed) - len(rows)}


def rounds_page(overview: Overview, _settings: Settings, _query: Query) -> dict[str, Any]:
    """All rounds, the newest first."""
    rounds = overview.rounds[::-1]
    return {
        "rounds": [(one, _changes(one, overview)) for one in rounds],
        "calibration": calibration_figure(overview),
    }


def annotators_page(overview: Overview, _settings: Settings, _query: Query) -> dict[str, Any]:
    """Figures about people."""
    return {"people": people(overview.state), "least_votes": LEAST_VOTES}


def settings_page(overview: Overview, settings: Settings, _query: Query) -> dict[str, Any]:
    """Every policy key and setting, with what it does."""
    params = overview.state.project.extra_params
    return {
        "policy": explain_policy(overview.policy, settings, params),
        "deployment": explain_settings(settings),
    }


PAGES: dict[str, Page] = {
    "overview": Page("Overview", overview_page),
    "queue": Page("Queue", queue_page),
    "labels": Page("Labels", labels_page),
    "undecided": Page("Undecided", undecided_page),
    "images": Page("Images", images_page),
    "rounds": Page("Rounds", rounds_page),
    "annotators": Page("Annotators", annotators_page),
    "settings": Page("Settings", settings_page),
}


def _changes(one: Round, overview: Overview) -> dict[str, tuple[Any, Any]]:
    """Return the policy keys in which a round differs from the one before: (then, now)."""
    earlier = [r for r in overview.rounds if r.number < one.number]
    if not earlier:
        return {}
    before = earlier[-1].policy
    return {
        key: (before.get(key, value), value)
        for key, value in one.policy.items()
        if before.get(key, value) != value  # an earlier version may not have had the key
    }
