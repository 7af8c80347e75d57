"""A store as it looks in the middle of a campaign, made without Label Studio.

For tests, screenshots and benchmarks of what is shown: digits with wrong labels, rounds whose
posteriors know the truth more or less, and simulated annotators who follow the queue.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from relabel.demo import digits
from relabel.media.image.cache import ImageCache
from relabel.media.image.decode import READ
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.ranking import QualityMap, prioritise, reorder
from relabel.numerics.scoring import SCORES
from relabel.service.audit.turns import awaited, turns_of
from relabel.service.books.accounts import NEWEST_TASK
from relabel.service.connected import open_connected
from relabel.service.queue.refresh import open_ids
from relabel.service.queue.scores import scores_now
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.rounds.neighbours import nearest_of
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import ProjectState
from relabel.service.votes.task_states import read_state
from relabel.settings import Settings
from relabel.storage.annotations import Annotation, Kind, record
from relabel.storage.database import reading
from relabel.storage.projects import Project, get_project, save_project, set_project
from relabel.storage.rounds import Round, RoundState, finish_round, set_round, start_round
from relabel.storage.tables import rounds as rounds_table
from relabel.storage.tasks import Task, save_tasks, set_problems, set_scores, set_task
from relabel.types import Float32Array, FloatArray, IntArray, Posteriors
from sqlalchemy import Connection, Engine, update

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECONDS_PER_VOTE = 20
PEOPLE = ("2", "3", "4")
WRONG_VOTES = 0.04
NO_PICTURE = f"cannot be decoded: a web page, 4,120 bytes; {READ}"
HARD_SHARE = 0.03
"""Share of tasks on which people see one of two classes by the toss of a coin."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What the made-up project is. votes: given in each pause between two rounds."""

    number: int = 1
    title: str = "Digits"
    tasks: int = 600
    noise_rate: float = 0.2
    rounds: int = 3
    votes: int = 60
    pictures: int = 600
    params: str = 'encoder = "tiny"\nbudget = 2000\n'
    running: bool = False
    seed: int = 0


def seed_store(engine: Engine, settings: Settings, campaign: Campaign) -> IntArray:
    """Fill the store with one project; return the (N,) true classes of its tasks."""
    rng = np.random.default_rng(campaign.seed)
    data = digits.load(0.0, rng)
    rows = np.arange(campaign.tasks) % len(data.truth)
    truth: IntArray = data.truth[rows]
    flip = rng.random(campaign.tasks) < campaign.noise_rate
    given = np.where(flip, (truth + rng.integers(1, 10, campaign.tasks)) % 10, truth)
    _begin(engine, campaign, given)
    _fill_cache(settings, campaign, [digits.png(p) for p in data.pixels[rows[: campaign.pictures]]])
    vectors = _vectors(data.pixels[rows].reshape(len(rows), -1), rng)
    for number in range(1, campaign.rounds + 1):
        _round(engine, settings, campaign, truth, vectors, 2.0 + 0.5 * number, rng)
        _vote(engine, settings, campaign, truth, number, rng)
    if campaign.running:
        _start_next(engine, settings, campaign)
    return truth


def read_seeded(engine: Engine, settings: Settings, number: int) -> ProjectState:
    """Return the project's state as the service reads it."""
    with reading(engine) as connection:
        project = get_project(connection, number)
        return read_state(connection, open_connected(settings, project))


def reference(row: int) -> str:
    """Return the image address of a task by its row."""
    return f"/data/upload/1/digit-{row:05d}.png"


def _begin(engine: Engine, campaign: Campaign, given: IntArray) -> None:
    connected = START.isoformat()
    project = Project(
        id=campaign.number,
        created_at=connected,
        title=campaign.title,
        label_config=digits.label_config(),
        extra_params=campaign.params,
        connected_at=connected,
        before={},
        backend_id=1,
        view_id=1,
    )
    tasks = [
        Task(
            task_id=row + 1,
            image=reference(row),
            overlap=1,
            is_labeled=True,
            updated_at=connected,
            overlap_before=1,
            is_labeled_before=True,
        )
        for row in range(campaign.tasks)
    ]
    early = (START - timedelta(days=9)).isoformat()
    first = [
        Annotation(row + 1, row + 1, "1", Kind.LABEL, str(label), early, early, initial=True)
        for row, label in enumerate(given.tolist())
    ]
    with engine.begin() as connection:
        save_project(connection, project)
        save_tasks(connection, campaign.number, tasks)
        record(connection, campaign.number, first)


def _fill_cache(settings: Settings, campaign: Campaign, pictures: list[bytes]) -> None:
    cache = ImageCache(settings.data_dir / "images")
    for row, content in enumerate(pictures):
        cache.add(campaign.number, reference(row), content)
    cache.close()


def _vectors(pixels: FloatArray, rng: np.random.Generator) -> Float32Array:
    # Repeated digits must not be exact copies, or the neighbours would be copies only.
    moved = pixels + rng.normal(0, 0.5, pixels.shape)
    vectors: Float32Array = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def _posteriors(truth: IntArray, strength: float, rng: np.random.Generator) -> FloatArray:
    logits = rng.normal(0, 1.2, (len(truth), 10))
    logits[np.arange(len(truth)), truth] += strength + rng.normal(0, 1.5, len(truth))
    p: FloatArray = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(p / p.sum(1, keepdims=True))


def _round(
    engine: Engine,
    settings: Settings,
    campaign: Campaign,
    truth: IntArray,
    vectors: Float32Array,
    strength: float,
    rng: np.random.Generator,
) -> None:
    state = read_seeded(engine, settings, campaign.number)
    current = _claim(engine, state)
    probs = _posteriors(truth, strength, rng)
    counts = state.counts.votes
    judged = SCORES[state.policy.score](counts, probs, labels=state.consensus.labels)
    priority = prioritise(judged, counts, state.initial, state.consensus.states)
    untouched = np.flatnonzero(~state.touched())
    priority = reorder(priority, untouched[np.argsort(-priority[untouched])][: campaign.votes])
    ids = state.counts.task_ids
    posteriors = Posteriors(ids, probs.astype(np.float32))
    quality = QualityMap.fit(priority, rng)
    result = RoundResult(
        posteriors,
        counts,
        state.consensus.labels,
        priority,
        quality,
        state.schema.classes,
        state.policy.score,
        judged,
    )
    folder = settings.data_dir / "projects" / str(campaign.number)
    artifact = result.save(folder, f"round-{current.number}")
    neighbours = Surroundings(vectors, campaign.seed).neighbours
    nearest_of(ids, neighbours).save(folder, current.number)
    scores, _ = scores_now(state, result, turns_of(state))
    with engine.begin() as connection:
        set_scores(
            connection, campaign.number, dict(zip(ids.tolist(), scores.tolist(), strict=True))
        )
        set_problems(
            connection,
            campaign.number,
            {int(ids[-1]): f"/data/upload/1/scan.png: {NO_PICTURE}"},
        )
        finish_round(
            connection,
            current.id,
            RoundState.PUBLISHED,
            record={
                "selector": "linear",
                "tasks": len(ids),
                NEWEST_TASK: int(ids[-1]),
                "left_out": 1,
                "seconds": 12.4,
            },
            stage="published",
            artifact=artifact,
        )
        _date(connection, current.id, START + timedelta(hours=6 * current.number))


def _claim(engine: Engine, state: ProjectState) -> Round:
    policy = state.policy
    with engine.begin() as connection:
        current = start_round(
            connection, state.project.id, policy.model_dump(mode="json"), policy.digest()
        )
        set_round(connection, current.id, votes=state.spent)
    return current


def _date(connection: Connection, round_id: int, at: datetime) -> None:
    """Give a round the times that its votes go with."""
    times = {"started_at": at.timestamp(), "finished_at": at.timestamp() + 12.4}
    connection.execute(update(rounds_table).where(rounds_table.c.id == round_id).values(**times))


def _vote(
    engine: Engine,
    settings: Settings,
    campaign: Campaign,
    truth: IntArray,
    number: int,
    rng: np.random.Generator,
) -> None:
    """Let people follow the queue from the top, each task until it has a majority.

    Audited tasks that wait come first, until two people say the same.
    """
    state = read_seeded(engine, settings, campaign.number)
    shown = np.array([task.score for task in state.tasks.values()])
    at = START + timedelta(hours=6 * number, minutes=5)
    given: list[Annotation] = []
    audit = set(awaited(state).tolist())
    for row in np.argsort(shown, kind="stable").tolist():
        if not state.unsettled()[row] and row not in audit:
            continue
        counts = (state.new_counts if row in audit else state.counts.votes)[row].copy()
        for person in rng.permutation(PEOPLE).tolist():
            if len(given) == campaign.votes:
                break
            label = _answer(row, int(truth[row]), campaign.tasks, rng)
            counts[label] += 1
            when = (at + timedelta(seconds=SECONDS_PER_VOTE * len(given))).isoformat()
            key = 10_000_000 * number + len(given)
            task_id = int(state.counts.task_ids[row])
            given.append(Annotation(key, task_id, person, Kind.LABEL, str(label), when, when))
            first, second = np.sort(counts)[:-3:-1]
            if (first > 1 or (counts.sum() > 1 and row not in audit)) and first > second:
                break
    with engine.begin() as connection:
        record(connection, campaign.number, given)
    _follow(engine, settings, campaign.number, number)


def _answer(row: int, truth: int, tasks: int, rng: np.random.Generator) -> int:
    """What a person says: mostly the truth; on hard tasks one of two classes."""
    hard = (row * 7919) % tasks < HARD_SHARE * tasks
    mistaken = rng.random() < (0.5 if hard else WRONG_VOTES)
    return (truth + (1 if mistaken else 0)) % 10


def _follow(engine: Engine, settings: Settings, project: int, number: int) -> None:
    """Bring scores and open tasks to what the votes say, as the worker does."""
    state = read_seeded(engine, settings, project)
    folder = settings.data_dir / "projects" / str(project)
    scores, _ = scores_now(state, RoundResult.load(folder, f"round-{number}.npz"), turns_of(state))
    wanted = set(open_ids(state, scores, stop_reason(state), turns_of(state)).tolist())
    by_task = dict(zip(state.counts.task_ids.tolist(), scores.tolist(), strict=True))
    occupied = dict(zip(by_task, state.occupied.tolist(), strict=True))
    with engine.begin() as connection:
        set_scores(connection, project, by_task)
        for task in state.tasks.values():
            if (task.task_id in wanted) == task.is_labeled or task.task_id in wanted:
                set_task(
                    connection,
                    project,
                    task.task_id,
                    is_labeled=task.task_id not in wanted,
                    overlap=occupied[task.task_id] + (task.task_id in wanted),
                    touched=True,
                )


def _start_next(engine: Engine, settings: Settings, campaign: Campaign) -> None:
    """Leave a round running in this process, half-way through its images."""
    current = _claim(engine, read_seeded(engine, settings, campaign.number))
    with engine.begin() as connection:
        set_project(connection, campaign.number, train_requested=False)
        set_round(
            connection,
            current.id,
            stage="embed",
            done=campaign.tasks // 2,
            total=campaign.tasks,
            stage_started_at=time.time() - 20,
        )
