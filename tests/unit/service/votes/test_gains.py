"""By gain the next vote goes where it gains most: to a begun task or to one nobody has seen."""

import numpy as np
import pytest
from bayes import CLASSES, by_hand
from relabel.service.audit.turns import turns_of
from relabel.service.connected import open_connected
from relabel.service.queue.scores import scores_now
from relabel.service.votes.result import RoundResult
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.rounds import published_round
from relabel.types import State
from wiring import deliver, publish_round

BY_GAIN = 'score = "gain"\nwindow = 12'
ERROR = 0.05


def posteriors(ids, seed=0):
    rng = np.random.default_rng(seed)
    drawn = rng.dirichlet((4.0, 2.0, 1.0), len(ids)).round(3)
    return {
        task: dict(zip(CLASSES, map(float, p / p.sum()), strict=True))
        for task, p in zip(ids, drawn, strict=True)
    }


def expected_gain(q, label, votes):
    """Return the right labels to be expected of so many votes for one class, per vote."""
    gains = []
    for said in CLASSES:
        each = {
            c: (1 - ERROR if c == said else ERROR / (len(CLASSES) - 1)) ** votes for c in CLASSES
        }
        after = {c: q[c] * each[c] for c in CLASSES}
        gains.append(max(after.values()) - after[label])
    return sum(gains) / votes


def key(prior, given, votes):
    q = by_hand(prior, given, votes)
    label = max(q, key=q.get) if votes else given
    needed = 1
    gain = expected_gain(q, label, needed)
    # What is begun takes the fewest votes that could change its label.
    while votes and gain <= 1e-15 and needed < 20:
        needed += 1
        gain = expected_gain(q, label, needed)
    return (gain, 1 - q[label]) if gain > 1e-15 else (0.0, 1 - q[label])


def is_settled(q, votes):
    label = max(q, key=q.get)
    return label in votes and q[label] >= 0.95


@pytest.mark.slow
def test_every_vote_goes_where_it_gains_most(context, fake, connected):
    number = connected(["cat"] * 12, f'consensus = "posterior"\n{BY_GAIN}')
    ids = list(fake.tasks)
    priors = posteriors(ids)
    publish_round(context, number, {}, priors)
    votes = {task: [] for task in ids}
    seen = {person: set() for person in (1, 2, 3)}
    rng = np.random.default_rng(1)
    begun_again = 0
    for turn in range(24):
        person = 1 + turn % 3
        served = fake.next_task(person)
        settled = {t for t in ids if is_settled(by_hand(priors[t], "cat", votes[t]), votes[t])}
        left = [t for t in ids if t not in settled | seen[person]]
        if not left:
            assert served is None
            continue
        keys = {t: key(priors[t], "cat", votes[t]) for t in left}
        best = max(keys.values())
        assert served in left
        assert keys[served] == pytest.approx(best, rel=1e-6)
        begun_again += bool(votes[served])
        said = str(rng.choice(CLASSES, p=[0.2, 0.7, 0.1]))
        votes[served].append(said)
        seen[person].add(served)
        fake.annotate(served, person, said)
        deliver(context, fake)
    assert begun_again > 1
    assert sum(len(some) for some in votes.values()) > 12


@pytest.mark.slow
@pytest.mark.parametrize("consensus", ["majority", "posterior"])
def test_every_begun_task_ends(context, fake, connected, consensus):
    number = connected(["cat"] * 4, f'consensus = "{consensus}"\n{BY_GAIN}\nmax_votes = 6')
    publish_round(context, number, {}, posteriors(list(fake.tasks), 3))
    rng = np.random.default_rng(5)
    for turn in range(40):
        served = fake.next_task(1 + turn % 8)
        if served is not None:
            fake.annotate(served, 1 + turn % 8, str(rng.choice(CLASSES)))
            deliver(context, fake)
    with reading(context.engine) as connection:
        opened = open_connected(context.settings, get_project(connection, number))
        state = read_queue_state(connection, opened)
        last = published_round(connection, number)
    assert set(state.consensus.states.tolist()) <= {State.SETTLED, State.AMBIGUOUS}
    # Whatever is shown is what would be computed anew.
    result = RoundResult.load(context.folder(number), last.artifact)
    scores, _ = scores_now(state, result, turns_of(state))
    np.testing.assert_allclose(state.places.score, scores, atol=1e-9)
