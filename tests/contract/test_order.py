"""What a round orders live is what a simulation orders on the same votes, whatever the policy."""

import io
import itertools
import json
import os

import numpy as np
import pytest
from PIL import Image
from relabel.catalogue.built_in import OF_MEMBERS, SELECTORS
from relabel.catalogue.options import has_members
from relabel.learning.encoders.embed import embed
from relabel.learning.selectors.registry import select
from relabel.numerics.diversity.registry import DIVERSITY
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.scoring import SCORES
from relabel.service.rounds.run import run_round
from relabel.simulation.campaign.rankings import Method, model_order, training_data
from relabel.simulation.data.dataset import Dataset, certain
from wiring import connect_project, deliver, state_of

EVERY = "RELABEL_TEST_ORDERS"
"""Environment variable that asks for every combination, not only for every name."""

KINDS = ("cat", "dog", "bird")
PER_KIND = 10
SIDE = 16
SEED = 3
WINDOW, RETRAIN = 6, 4

FEW = {"epochs": 2}
QUICK = {
    "linear": {"folds": 2},
    "simifeat": {},
    "ssl_linear": FEW | {"pretrain_epochs": 1},
    "ssl_co_teaching": FEW | {"pretrain_epochs": 1},
    "ensemble": {"options": {"co_teaching": FEW}},
    "cross_fit": {"folds": 2, "options": {"vanilla": FEW}},
    "auto": {"options": {"co_teaching": FEW}},
}
"""Options of selectors with which they take little time."""

TRUE = np.repeat(np.arange(3), PER_KIND)


def given_labels():
    """Return the labels of all pictures, one of six wrong."""
    labels = TRUE.copy()
    wrong = np.random.default_rng(1).permutation(len(labels))[: len(labels) // 6]
    labels[wrong] = (labels[wrong] + 1) % 3
    return labels


def picture(place):
    """Return a picture of its class: dark, bright, or half of each, with much grain."""
    levels = np.random.default_rng(place).integers(0, 90, (SIDE, SIDE))
    if TRUE[place]:
        levels[:, 8 if TRUE[place] == 2 else 0 :] += 120
    return Image.fromarray(levels.astype(np.uint8))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """The same pictures as a data set, embedded."""
    pictures = [picture(place) for place in range(len(TRUE))]
    digests = [str(place) for place in range(len(TRUE))]
    cache = tmp_path_factory.mktemp("vectors")
    vectors = embed(pictures.__getitem__, digests, encoder="tiny", cache=cache).vectors
    images = np.stack([np.asarray(one.convert("RGB")) for one in pictures])
    return Dataset("pictures", KINDS, certain(TRUE, 3), vectors, images)


@pytest.fixture
def project(context, fake):
    """Connect the labelled pictures under a policy."""

    def make(**keys):
        number = fake.add_project([KINDS[label] for label in given_labels()])
        for place, task in enumerate(sorted(fake.tasks)):
            buffer = io.BytesIO()
            picture(place).save(buffer, "PNG")
            fake.files[fake.tasks[task]["data"]["image"]] = buffer.getvalue()
        connect_project(context, number, written(**keys))
        return number

    return make


def written(**keys):
    """Return a policy as extra params."""
    keys["selector_options"] = options_of(keys["selector"])
    fixed = {
        "encoder": "tiny",
        "image_size": SIDE,
        "audit_share": 0.0,
        "window": WINDOW,
        "retrain_after": RETRAIN,
        "seed": SEED,
    }
    return json.dumps(fixed | keys)


def options_of(selector):
    return QUICK.get(selector, FEW)


def live_order(state):
    """Return the rows that may be asked, by the scores that Label Studio serves them by."""
    order = np.argsort([task.score for task in state.tasks.values()], kind="stable")
    return order[state.waiting()[order]].tolist()


def simulated_order(samples, method, state):
    """Return the rows that a simulated campaign asks after these votes."""
    surroundings = Surroundings(samples.features, SEED)

    def learn(counts, labels):
        data = training_data(samples, counts, surroundings, state.given, labels)
        return select(method.selector, data, options_of(method.selector), seed=SEED)

    rank = model_order(method, learn, surroundings, seed=SEED, batch=WINDOW + RETRAIN)
    queue = rank(state.counts.votes, state.consensus.labels, state.waiting())
    return list(iter(queue.next, None))


def name_every_one():
    """Return (selector, score, diversity) so that every name of the catalogue is among them."""
    pairs = [("simifeat", score, "none") for score in SCORES if score not in OF_MEMBERS]
    pairs += [("co_teaching", score, "none") for score in OF_MEMBERS]
    pairs += [("robust_update", "tiered_phi", diversity) for diversity in DIVERSITY]
    return pairs + [(selector, "tiered_phi", "diffusion") for selector in SELECTORS]


def methods():
    every = itertools.product(SELECTORS, SCORES, DIVERSITY)
    named = every if os.environ.get(EVERY) else dict.fromkeys(name_every_one())
    return [(s, *rest) for s, *rest in named if rest[0] not in OF_MEMBERS or has_members(s, {})]


@pytest.mark.slow
@pytest.mark.parametrize(("selector", "score", "diversity"), methods())
def test_the_same_votes_are_ordered_alike_live_and_simulated(
    context, fake, project, samples, selector, score, diversity
):
    """After the first round, and after people have settled some tasks."""
    number = project(selector=selector, score=score, diversity=diversity)
    method = Method(selector, score, diversity)
    for _ in range(2):
        run_round(context, number)
        fake.events.clear()
        state = state_of(context, number)
        order = live_order(state)
        assert order == simulated_order(samples, method, state)
        for row in order[:3]:
            for person in (1, 2):
                fake.annotate(sorted(fake.tasks)[row], person, KINDS[TRUE[row]])
        deliver(context, fake)
    assert len(order) == len(TRUE) - 3
