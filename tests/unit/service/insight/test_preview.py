"""Why a task is asked about, in figures, neighbours and words."""

from dataclasses import replace

import numpy as np
import pytest
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.scoring import SCORES
from relabel.service.insight.annotators import people
from relabel.service.insight.overview import read_overview
from relabel.service.insight.preview import (
    corrected_rows,
    explain,
    next_rows,
    reason,
    undecided_rows,
)
from relabel.service.insight.status import project_status
from relabel.service.rounds.neighbours import Nearest, nearest_of
from relabel.settings import Settings
from relabel.storage.database import open_database
from relabel.types import State, match_rows
from seeded_store import Campaign, read_seeded, seed_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("store"), label_studio_api_key="x")
    engine = open_database(settings.database())
    seed_store(engine, settings, Campaign(tasks=300, votes=60, rounds=2, pictures=0))
    return engine, settings


@pytest.fixture(scope="module")
def overview(store):
    return read_overview(*store, 1)


def test_the_figures_are_those_of_the_score(overview):
    """CE - H is phi, on the votes as they are now and the last round's posteriors."""
    rows = next_rows(overview.state, 20)
    found = explain(overview.state, rows, overview.result, overview.nearest)
    counts = overview.state.counts.votes[rows]
    places = match_rows(overview.state.counts.task_ids[rows], overview.result.posteriors.task_ids)
    phi = SCORES["phi"](counts, overview.result.posteriors.probs[places].astype(np.float64))
    assert [task.phi for task in found] == pytest.approx(phi.tolist(), abs=1e-5)
    assert all(task.suggested == task.top[0][0] for task in found)
    assert all(
        a >= b for task in found for (_, a), (_, b) in zip(task.top, task.top[1:], strict=False)
    )


def test_without_a_round_there_are_votes_but_no_figures(overview):
    task = explain(overview.state, next_rows(overview.state, 1), None, None)[0]
    assert (task.ce, task.h, task.phi, task.top, task.neighbours) == (None, None, None, (), ())
    assert task.votes


def test_corrected_and_undecided_tasks_are_those_of_the_status(store, overview):
    status = project_status(*store, 1)
    assert len(corrected_rows(overview.state)) == status["corrected"]
    undecided = undecided_rows(overview.state, 1000)
    states = overview.state.consensus.states[undecided]
    assert set(states.tolist()) <= {State.TIED, State.AMBIGUOUS}
    assert (states == State.AMBIGUOUS).sum() == status["ambiguous"]


def test_a_near_duplicate_with_another_label_is_named(overview):
    """The reason names the task that contradicts; one with the same label is no reason."""
    row = next_rows(overview.state, 1)
    me = int(overview.state.counts.task_ids[row[0]])
    given = overview.state.given[row[0]]
    labels = overview.state.consensus.labels
    other = int(overview.state.counts.task_ids[np.flatnonzero(labels != given)[0]])
    same = int(overview.state.counts.task_ids[np.flatnonzero(labels == given)[-1]])
    nearest = Nearest(np.array([me]), np.array([[other, same]]), np.float32([[0.001, 0.001]]))
    task = explain(overview.state, row, overview.result, nearest)[0]
    assert [n.task_id for n in task.conflicting] == [other]
    assert f"task {other}" in reason(task)
    assert f"task {same}" not in reason(task)
    far = replace(nearest, squared_distances=np.float32([[0.5, 0.5]]))
    assert explain(overview.state, row, overview.result, far)[0].conflicting == ()


def test_an_audited_task_says_that_it_was_drawn_at_random(overview):
    task = explain(overview.state, next_rows(overview.state, 1), None, None)[0]
    assert "at random" in reason(replace(task, audit=True))
    assert "at random" not in reason(replace(task, audit=False))


def test_nearest_tasks_are_the_closest_others_and_survive_the_disk(tmp_path):
    vectors = np.float32([[1, 0], [0.999, 0.0447], [0, 1], [0.05, 0.9987]])
    ids = np.array([4, 7, 8, 11])
    found = nearest_of(ids, Surroundings(vectors, 0).neighbours)
    assert found.neighbours[:, 0].tolist() == [7, 4, 11, 8]
    assert not (found.neighbours == ids[:, None]).any()
    found.save(tmp_path, 3)
    again = Nearest.load(tmp_path, 3)
    assert again.neighbours.tolist() == found.neighbours.tolist()
    assert Nearest.load(tmp_path, 4) is None


def test_everyone_is_counted_and_small_numbers_are_marked(store):
    state = read_seeded(*store, 1)
    found = {person.source: person for person in people(state)}
    assert found["1"].votes == len(state.tasks)
    assert sum(p.votes for source, p in found.items() if source != "1") == state.spent
    assert all(p.few == (p.judged < 20) for p in found.values())
    assert found["1"].agreement < 0.6 < found["2"].agreement
