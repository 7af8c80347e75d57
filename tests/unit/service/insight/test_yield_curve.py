"""The curve replays the votes with the project's own consensus."""

import numpy as np
import pytest
from relabel.service.insight.status import project_status
from relabel.service.insight.yield_curve import new_votes, random_yield, yield_curve
from relabel.settings import Settings
from relabel.storage.annotations import Annotation, Kind, record
from relabel.storage.database import open_database, reading
from seeded_store import Campaign, read_seeded, seed_store


@pytest.fixture
def store(tmp_path):
    settings = Settings(data_dir=tmp_path, label_studio_api_key="x")
    return open_database(settings.database()), settings


def curve_now(engine, settings):
    state = read_seeded(engine, settings, 1)
    with reading(engine) as connection:
        return yield_curve(state, new_votes(connection, state))


@pytest.mark.parametrize("params", ["", "solo = true", "max_votes = 2"])
def test_the_curve_ends_at_the_corrected_labels_of_the_status(store, params):
    """Under every way to count votes, the last point is what `relabel status` says."""
    engine, settings = store
    campaign = Campaign(
        tasks=80, votes=25, rounds=2, pictures=0, params=f'encoder = "tiny"\n{params}'
    )
    seed_store(engine, settings, campaign)
    status = project_status(engine, settings, 1)
    curve = curve_now(engine, settings)
    assert status["corrected"] > 5
    assert curve.corrected[-1] == status["corrected"]
    assert curve.votes[-1] == status["votes"]
    assert np.abs(np.diff(curve.corrected)).max() == 1


def test_a_label_counts_from_the_vote_that_settles_it_and_not_once_it_is_open_again(store):
    """Given 5: 3 ties, a second 3 corrects, a second 5 ties again, a third 3 corrects again."""
    engine, settings = store
    seed_store(engine, settings, Campaign(tasks=8, rounds=0, pictures=0, noise_rate=0))
    task = 6  # a five
    said = ["3", "3", "5", "3"]
    votes = [
        Annotation(100 + i, task, str(i + 2), Kind.LABEL, choice, at, at)
        for i, choice in enumerate(said)
        for at in [f"2026-11-20T10:00:{i:02}+00:00"]
    ]
    with engine.begin() as connection:
        record(connection, 1, votes)
    assert curve_now(engine, settings).corrected.tolist() == [0, 0, 1, 0, 1]


def test_a_project_without_votes_has_a_curve_of_one_point(store):
    engine, settings = store
    seed_store(engine, settings, Campaign(tasks=8, rounds=0, pictures=0))
    curve = curve_now(engine, settings)
    assert (curve.votes.tolist(), curve.corrected.tolist()) == ([0], [0])


def test_a_random_order_corrects_one_label_per_one_and_a_share_of_votes():
    """A quarter wrong: of five votes, three confirm three labels and two correct one."""
    found = random_yield(np.array([0, 5, 100, 10_000]), 0.25, tasks=400)
    assert found.tolist() == pytest.approx([0, 1, 20, 100])


def test_a_thinned_curve_keeps_both_ends(store):
    engine, settings = store
    seed_store(engine, settings, Campaign(tasks=80, votes=25, rounds=2, pictures=0))
    curve = curve_now(engine, settings)
    thin = curve.thinned(10)
    assert len(thin.votes) == 10
    assert (thin.votes[0], thin.votes[-1]) == (curve.votes[0], curve.votes[-1])
    assert thin.corrected[-1] == curve.corrected[-1]
