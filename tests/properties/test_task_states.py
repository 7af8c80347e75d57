"""What people are shown is the same from what is kept of each task as from all annotations."""

from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_projects import projects
from relabel.service.audit.turns import audit_rows, audited, awaited, said_anew
from relabel.service.books.accounts import project_accounts
from relabel.service.books.unmatched import told_unknown, unknown_labels
from relabel.service.export.export import rows_of
from relabel.service.insight.annotators import people
from relabel.service.insight.overview import class_figures
from relabel.service.insight.preview import corrected_rows, explain, next_rows, undecided_rows
from relabel.service.insight.status import status_of
from relabel.service.insight.yield_curve import new_votes, yield_curve
from relabel.service.queue.stop_rule import recent_yield, stop_reason
from relabel.service.votes.state import count_state
from relabel.service.votes.task_states import (
    count_tasks,
    read_answered_state,
    read_state,
    uncounted_tasks,
)
from relabel.storage.annotations import list_annotations, record
from relabel.storage.answers import Outcome
from relabel.storage.database import open_database
from relabel.storage.projects import save_project
from relabel.storage.tasks import list_images, save_tasks, set_scores

NO_VOTE = set(Outcome) - {Outcome.VOTE, Outcome.ABSTENTION}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('store')}/store.sqlite3")
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine):
    """Everything within one transaction, which is never committed."""
    with engine.connect() as connection:
        yield connection


def save(connection, drawn, counted):
    """Put a project into the store; count of its tasks those for which `counted` says so."""
    connected, tasks, annotations = drawn
    save_project(connection, connected.project)
    save_tasks(connection, 1, tasks.values())
    record(connection, 1, annotations)
    set_scores(connection, 1, {i: 1 / i for i in tasks if i % 4})
    count_tasks(connection, connected, [i for i in tasks if counted[i - 1]], Path("nowhere"))


def shown(connection, state):
    """Return everything that people are shown of a project."""
    rows = np.arange(len(state.counts.task_ids))
    accounts = project_accounts(state, 3)
    votes = new_votes(connection, state)
    curve = yield_curve(state, votes)
    return {
        "status": status_of(state, [], accounts, journalled=(0, 0), due="", following=""),
        "lines": accounts.lines(),
        "unknown": (list(unknown_labels(state).items()), told_unknown(state)),
        "people": people(state),
        "curve": (curve.votes.tolist(), curve.corrected.tolist()),
        "classes": class_figures(state),
        "explained": explain(state, rows, None, None),
        "lists": [f.tolist() for f in (next_rows(state, 9), undecided_rows(state, 9))],
        "corrected": corrected_rows(state).tolist(),
        "stopped": (stop_reason(state), recent_yield(state)),
        "asked": state.asked_at.tolist(),
        "audit": [f(state).tolist() for f in (audit_rows, audited, awaited)],
        "verdicts": said_anew(state, rows).tolist(),
        "new": state.new_counts.tolist(),
        "images": state.unusable,
        "export": [asdict(row) for row in rows_of(state, list_images(connection, 1))],
    }


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(projects(), st.lists(st.booleans(), min_size=8, max_size=8))
def test_what_is_shown_from_rows_is_what_counting_everything_gives(connection, drawn, counted):
    """Of a policy, tasks and annotations of any kind, some of them counted and some stale."""
    connected, tasks, _ = drawn
    save(connection, drawn, counted)
    stale = [i for i in tasks if not counted[i - 1]]
    assert uncounted_tasks(connection, connected) == stale
    kept = shown(connection, read_answered_state(connection, connected))
    assert kept == shown(connection, read_state(connection, connected))
    assert uncounted_tasks(connection, connected) == stale, "reading keeps nothing"
    connection.rollback()


@pytest.mark.slow
@settings(deadline=None)
@given(projects())
def test_what_was_said_of_each_task_holds_all_that_single_answers_say(drawn):
    """Against the answers themselves, one by one."""
    state = count_state(*drawn)
    answers, ids = state.answers, state.counts.task_ids.tolist()
    by_task = defaultdict(list)
    for a in answers:
        by_task[a.task_id].append((a.source, a.choice, a.outcome, a.label, a.initial))
    assert [[one[:5] for one in some] for some in state.said.by_task()] == [by_task[i] for i in ids]
    asked = [
        min(
            (v.at.timestamp() for v in state.votes if v.task_id == i and not v.initial),
            default=np.inf,
        )
        for i in ids
    ]
    assert state.asked_at.tolist() == asked
    unknown = Counter(a.choice for a in answers if a.outcome is Outcome.UNKNOWN_CLASS)
    assert list(unknown_labels(state).items()) == list(unknown.items())
    assert state.unknown_choices == tuple(sorted(unknown))
    assert int(state.overwritten.sum()) == sum(bool(a.editor) for a in drawn[2])


@pytest.mark.slow
@settings(deadline=None)
@given(projects())
def test_the_books_name_people_and_tasks_as_single_answers_do(drawn):
    state = count_state(*drawn)
    accounts = project_accounts(state, 0)
    for name, initial in (("labels", True), ("answers", False)):
        book = accounts.book(name)
        mine = [a for a in state.answers if a.initial is initial]
        votes = [a for a in mine if a.outcome is Outcome.VOTE and not a.authorless]
        written = [a for a in votes if a.annotation_id]
        said = len({a.source for a in written})
        assert book.parts[0].count == len(written)
        assert book.parts[0].text.endswith("1 person" if said == 1 else f"{said} people")
        assert book.count("named") == len(votes) - len(written)
        for outcome in NO_VOTE - {Outcome.UNKNOWN_CLASS}:
            (part,) = [p for p in book.parts if p.name == outcome.replace(" ", "_")]
            found = [a for a in mine if a.outcome is outcome]
            tasks = sorted({a.task_id for a in found})
            last = {a.task_id: f" ({a.choice})" for a in found if outcome is Outcome.UNREADABLE}
            assert (part.count, part.kinds) == (len(found), len(tasks))
            told = [f"task {i}{last.get(i, '')}" for i in tasks[:5]]
            assert [example.value for example in part.examples] == told


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(projects())
def test_the_curve_replays_every_vote_since_the_beginning(connection, drawn):
    """Read from the tasks that have any, and no others."""
    save(connection, drawn, [True] * 8)
    state = read_state(connection, drawn[0])
    expected = [v for v in state.votes if not v.initial]
    found = new_votes(connection, read_answered_state(connection, drawn[0]))
    assert found == sorted(expected, key=lambda v: (v.at, v.annotation_id))
    touched = state.counts.task_ids[state.touched()].tolist()
    assert {v.task_id for v in found} == set(touched)
    assert len(list_annotations(connection, 1, touched)) >= len({v.annotation_id for v in found})
    connection.rollback()
