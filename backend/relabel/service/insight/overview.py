"""Everything that dashboard and report show of one project, read from the store in one go."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from relabel.accounts import Accounts
from relabel.policy import Policy
from relabel.service.books.accounts import newest_read, project_accounts
from relabel.service.connected import open_connected
from relabel.service.insight.noise import Noise, noise_now
from relabel.service.insight.replay import Replay, replay
from relabel.service.insight.status import status_of
from relabel.service.insight.yield_curve import YieldCurve, new_votes, random_yield, yield_curve
from relabel.service.queue.parts import NAMES, in_force
from relabel.service.queue.stop_rule import headline, stop_reason
from relabel.service.rounds.due import next_round, round_due
from relabel.service.rounds.neighbours import Nearest
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import AnsweredState
from relabel.service.votes.task_states import read_answered_state
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.projects import get_project
from relabel.storage.rounds import Round, RoundState, list_rounds
from relabel.types import FloatArray, IntArray, State

CURVE_POINTS = 400
"""More points than a screen can show only make pages heavy."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: tasks given it at first, those of them found wrong, and tasks that have it now."""

    name: str
    given: int
    found_wrong: int
    now: int


@dataclass(frozen=True, slots=True)
class Overview:
    """One consistent picture of a project.

    status: the figures of `relabel status --json`; accounts: the books; noise: None before the
    first round; curve: corrected labels against votes; random: (M,) what a random order would have
    corrected, None while the share of wrong labels is not known; replay: what the other consensus
    would have made of the votes.
    """

    status: dict[str, Any]
    accounts: Accounts
    state: AnsweredState
    rounds: list[Round]
    result: RoundResult | None
    nearest: Nearest | None
    noise: Noise | None
    curve: YieldCurve
    random: FloatArray | None
    replay: Replay | None

    @property
    def policy(self) -> Policy:
        """The project's policy now."""
        return self.state.policy

    @property
    def stopped(self) -> str:
        """Why no task is open, "" = work goes on."""
        return stop_reason(self.state)


def folder_of(settings: Settings, number: int) -> Path:
    """Return the folder of one project's rounds."""
    return settings.data_dir / "projects" / str(number)


def read_overview(engine: Engine, settings: Settings, number: int) -> Overview:
    """Read one project.

    Args:
        engine: the store.
        settings: where the rounds' files are.
        number: id of the project.

    Raises:
        NotReadyError: the project is not connected.

    """
    with reading(engine) as connection:
        project = get_project(connection, number)
        connected = open_connected(settings, project)
        state = in_force(read_answered_state(connection, connected))
        rounds = list_rounds(connection, number)
        journalled = count_events(connection, number)
        due = round_due(connection, connected)
        following = next_round(connection, connected)
        votes = new_votes(connection, state)
    accounts = project_accounts(state, newest_read(rounds))
    status = status_of(state, rounds, accounts, journalled=journalled, due=due, following=following)
    folder = folder_of(settings, number)
    published = [r for r in rounds if r.state is RoundState.PUBLISHED]
    result = _load(folder, published[-1]) if published else None
    if result is not None:
        result = result.arranged(state.schema.classes)
    noise = None
    if result is not None:
        noise = noise_now(state, result, corrected=status["corrected"])
    curve = yield_curve(state, votes).thinned(CURVE_POINTS)
    labelled = int((state.given >= 0).sum())
    return Overview(
        status=status,
        accounts=accounts,
        state=state,
        rounds=rounds,
        result=result,
        nearest=Nearest.load(folder, published[-1].number) if published else None,
        noise=noise,
        curve=curve,
        random=_random(curve, noise, labelled),
        replay=replay(state, votes, result),
    )


def class_figures(state: AnsweredState) -> list[ClassFigures]:
    """Return what was found per class."""
    changed = state.touched() & (state.consensus.states == State.SETTLED)
    changed &= (state.given >= 0) & (state.consensus.labels != state.given)
    size = len(state.schema.classes)

    def count(labels: IntArray) -> list[int]:
        return [int(n) for n in np.bincount(labels[labels >= 0], minlength=size)]

    columns = zip(
        state.schema.classes,
        count(state.given),
        count(state.given[changed]),
        count(np.where(changed, state.consensus.labels, state.given)),
        strict=True,
    )
    return [ClassFigures(*row) for row in columns]


def sentence(overview: Overview) -> str:
    """Say where the project stands, in one sentence."""
    status, noise = overview.status, overview.noise
    if overview.state.project.cut_off:
        return f"Connecting was cut off: repeat relabel connect --project {status['project']}."
    if not status["rounds"]:
        begun = status["round_running"]
        return (
            f"The first round is running; {status['tasks']:,} tasks are known"
            if begun
            else f"No round yet; {status['tasks']:,} tasks are known"
        ) + "."
    of_budget = "" if status["budget"] is None else f" of {status['budget']:,}"
    parts = [
        f"Round {status['round']} of selector {status['selector']}",
        f"{status['votes']:,}{of_budget} votes spent",
        *([f"{NAMES[overview.state.part]} is cleaned now"] if status["part"] else []),
        f"{status['corrected']:,} labels corrected",
    ]
    if noise is not None:
        left = noise.wrong_left
        parts.append(
            f"how many more labels people would change is {noise.unknown}"
            if left is None
            else f"people would change about {left.value:,.0f} more labels, "
            f"{left.level:.0%} interval {left.low:,.0f} to {left.high:,.0f}"
        )
        if noise.found:
            parts.append(noise.found)
        if noise.changed_next is not None:
            votes, labels = noise.changed_next
            parts.append(
                f"the next {votes} votes should change about {labels.value:,.0f} labels, "
                f"{labels.level:.0%} interval {labels.low:,.0f} to {labels.high:,.0f}"
            )
    if overview.stopped:
        word = headline(overview.stopped).lower()
        parts.append(word if word == overview.stopped else f"{word}: {overview.stopped}")
    return "; ".join(parts) + "."


def _random(curve: YieldCurve, noise: Noise | None, labelled: int) -> FloatArray | None:
    if noise is None or noise.initial is None:
        return None
    return random_yield(curve.votes, noise.initial.value, labelled)


def _load(folder: Path, one: Round) -> RoundResult | None:
    """Return a round's result; None where its file was cleared away."""
    if not one.artifact or not (folder / one.artifact).exists():
        return None
    return RoundResult.load(folder, one.artifact)
