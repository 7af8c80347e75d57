"""The backend around the fake Label Studio: settings, store, a connected project, a round."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fake_label_studio import URL, FakeLabelStudio
from flask.testing import FlaskClient
from relabel.labelstudio.client import LabelStudio
from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.gain import GAIN
from relabel.numerics.ranking import QualityMap, prioritise
from relabel.numerics.scoring import SCORES
from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.device import Tried
from relabel.service.queue.publish import publish
from relabel.service.setup.connect import connect, plan_connect
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.votes.gains import score_by_gain
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import ProjectState
from relabel.service.votes.task_states import read_state
from relabel.settings import Settings
from relabel.storage.annotations import count_new_votes
from relabel.storage.database import connect as connect_database
from relabel.storage.database import reading
from relabel.storage.journal.events import HINTS
from relabel.storage.projects import get_project
from relabel.storage.rounds import Round, set_round, start_round
from relabel.types import Posteriors, silent
from relabel.web.app import create_app
from store_template import StoreTemplate, store_template_in

TOKEN = "f" * 40
POLICY = "encoder = 'tiny'\nwindow = 2\nretrain_after = 1000\naudit_share = 0.0\n"


def make_settings(folder: Path, **values: Any) -> Settings:
    """Return settings that no variable of the machine can change."""
    policy = folder / "policy.toml"
    if not policy.exists():
        policy.write_text(POLICY)
    fixed = {
        "label_studio_url": URL,
        "label_studio_api_key": TOKEN,
        "url": "http://relabel.test:9090",
        "data_dir": folder / "data",
        "policy_file": policy,
    }
    return Settings(**(fixed | values))


@contextmanager
def site(settings: Settings) -> Iterator[FlaskClient]:
    """Yield a client of the web application, and close what that opened."""
    app = create_app(settings)
    try:
        yield app.test_client()
    finally:
        app.extensions["relabel.engine"].dispose()


def tried(device: str) -> Tried:
    """Find every device in order, as a trial would."""
    return Tried(device, device, 1000.0, 30)


def make_context(
    folder: Path, fake: FakeLabelStudio, template: StoreTemplate, **values: Any
) -> Context:
    """Open everything on a copy of an empty store."""
    settings = make_settings(folder, **template.copy_for(folder / "data"), **values)
    client = LabelStudio(URL, TOKEN, transport=fake.transport())
    engine = connect_database(settings.database())
    return Context(settings, engine, client, trial=tried)


def connect_project(context: Context, number: int, params: str | None = None) -> None:
    """Connect as the command does."""
    connect(context, plan_connect(context, number, params))


def state_of(context: Context, number: int) -> ProjectState:
    with reading(context.engine) as connection:
        project = get_project(connection, number)
        return read_state(connection, open_connected(context.settings, project))


def votes_of_store(context: Context, number: int) -> set[Any]:
    """Return (task, person, label) of every vote."""
    state = state_of(context, number)
    return {
        (v.task_id, v.source, state.schema.classes[v.label])
        for v in state.votes
        if v.label is not None
    }


def claim_round(context: Context, number: int) -> Round:
    state = state_of(context, number)
    policy = state.policy
    with context.engine.begin() as connection:
        current = start_round(connection, number, policy.model_dump(mode="json"), policy.digest())
        set_round(connection, current.id, votes=count_new_votes(connection, number))
    return current


def judge(
    context: Context,
    number: int,
    current: Round,
    suspicion: dict[int, float],
    posteriors: dict[int, dict[str, float]] | None = None,
) -> Any:
    """Return a round's result without training.

    suspicion: 1 - P(current label) by task, 0.2 where none is given; between 0.2 and 1 the score
    rises with it. posteriors: probabilities by task and class, in its place.
    """
    state = state_of(context, number)
    counts = state.counts.votes
    chosen = np.where(state.consensus.labels >= 0, state.consensus.labels, 0)
    doubt = np.array([suspicion.get(int(i), 0.2) for i in state.counts.task_ids])
    probs = np.zeros(counts.shape)
    rows = np.arange(len(probs))
    probs[rows, chosen] = 1 - doubt
    probs[rows, (chosen + 1) % counts.shape[1]] = doubt
    for row, task in enumerate(state.counts.task_ids.tolist()):
        if task in (posteriors or {}):
            probs[row] = [posteriors[task][name] for name in state.schema.classes]
    classes = state.schema.classes
    rates = RoundRates(classes, Rates(np.full(len(classes), 0.2), 0.2, 0.05), {})
    if state.policy.score == GAIN:
        rows = np.arange(len(probs))
        scores = score_by_gain(state, rows, probs.astype(np.float32).astype(np.float64), rates)
    else:
        scores = SCORES[state.policy.score](counts, probs, labels=state.consensus.labels)
    priority = prioritise(
        scores,
        counts,
        state.initial,
        state.consensus.states,
        begun_first=state.policy.score != GAIN,
    )
    result = RoundResult(
        Posteriors(state.counts.task_ids, probs.astype(np.float32)),
        counts,
        state.consensus.labels,
        priority,
        QualityMap.fit(priority, np.random.default_rng(0)),
        state.schema.classes,
        state.policy.score,
        scores,
        rates,
    )
    artifact = result.save(context.folder(number), f"round-{current.number}")
    with context.engine.begin() as connection:
        set_round(connection, current.id, artifact=artifact)
    return result


def publish_round(
    context: Context,
    number: int,
    suspicion: dict[int, float],
    posteriors: dict[int, dict[str, float]] | None = None,
) -> Round:
    """Run one round from the claim to the queue, with given posteriors in place of training."""
    current = claim_round(context, number)
    result = judge(context, number, current, suspicion, posteriors)
    publish(context, current, result, {}, silent)
    return current


def deliver(context: Context, fake: FakeLabelStudio, *, work: bool = True) -> None:
    """Hand all events that wait to the backend, and let it carry them out until none is left."""
    while fake.events:
        for event in [fake.events.pop(0) for _ in range(len(fake.events))]:
            receive(context.engine, context.settings, event)
        if work:
            for number in fake.projects:
                carry_out(context, number)


def answer(
    context: Context, fake: FakeLabelStudio, person: int, *choices: str, **values: Any
) -> int | None:
    """Answer what is served to this person, and return it; None = nothing is."""
    task = fake.next_task(person)
    if task is not None:
        fake.annotate(task, person, *choices, **values)
        deliver(context, fake)
    return task


def report(context: Context, body: dict[str, Any]) -> tuple[int, bool]:
    """Hand over an event as our webhooks send it: by its name alone, unless it is a deletion."""
    number = body["project"]["id"]
    hint = body["action"] in HINTS
    said = {"action": body["action"]} if hint else body
    return receive(context.engine, context.settings, said, number if hint else None)


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreTemplate]:
    """Stores are copies of this one."""
    with store_template_in(tmp_path_factory.mktemp("store")) as template:
        yield template


@pytest.fixture
def fake() -> FakeLabelStudio:
    return FakeLabelStudio()


@pytest.fixture
def context(
    tmp_path: Path, fake: FakeLabelStudio, store_template: StoreTemplate
) -> Iterator[Context]:
    opened = make_context(tmp_path, fake, store_template)
    yield opened
    opened.close()


@pytest.fixture
def connected(context: Context, fake: FakeLabelStudio) -> Callable[..., int]:
    """Make and connect a project: connected(["cat", "dog", None], params='window = 5')."""

    def make(labels: list[str | None], params: str | None = None, **values: Any) -> int:
        number = fake.add_project(labels, **values)
        connect_project(context, number, params)
        fake.events.clear()
        return number

    return make


@pytest.fixture
def in_order(
    context: Context, fake: FakeLabelStudio, connected: Callable[..., int]
) -> Callable[..., int]:
    """Make a project of cats that is served in the order of its ids: in_order(12, window=2)."""

    def make(tasks: int, **policy: Any) -> int:
        number = connected(["cat"] * tasks, json.dumps(policy))
        publish_round(context, number, {n: 0.9 - 0.02 * i for i, n in enumerate(fake.tasks)})
        fake.events.clear()
        return number

    return make


@pytest.fixture
def running(
    context: Context, fake: FakeLabelStudio, connected: Callable[..., int]
) -> tuple[int, list[int]]:
    """Publish a round of four labelled tasks, the first the most suspicious; window 2."""
    number = connected(["cat", "dog", "bird", "cat"])
    ids = list(fake.tasks)
    publish_round(context, number, dict(zip(ids, (0.95, 0.8, 0.7, 0.6), strict=True)))
    fake.events.clear()
    fake.requests.clear()
    return number, ids


def down(_request):
    """Answer as a Label Studio that is overloaded."""
    return httpx.Response(503, text="down")


def writes(fake):
    """Return (method, path) of what was written since the last call."""
    found = [(method, path) for method, path, _ in fake.writes()]
    fake.requests.clear()
    return found
