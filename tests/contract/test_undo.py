"""Undoing ends in one state, whenever it is carried out and wherever it is killed."""

import contextlib
import itertools
import shutil
from copy import deepcopy

import pytest
from fake_label_studio import URL, FakeLabelStudio
from kills import Killed, killed_at
from relabel.errors import NotReadyError
from relabel.labelstudio.client import LabelStudio
from relabel.service.commands import ask_for_undo
from relabel.service.context import Context
from relabel.service.export.export import write_back
from relabel.service.queue.undo import undo_run
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import sweep_project
from relabel.storage.database import connect as connect_database
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.projects import get_project
from relabel.storage.rounds import list_rounds
from store_template import SQLITE
from wiring import (
    TOKEN,
    connect_project,
    deliver,
    make_context,
    make_settings,
    publish_round,
    state_of,
)

LABELS = ["cat", "dog", "bird"] * 4
POLICY = "window = 3"
MANY = 500
"""More moments than any undo has."""


def first_round(context, fake, number):
    ids = sorted(fake.tasks)
    publish_round(context, number, {i: 0.3 + 0.05 * place for place, i in enumerate(ids)})
    deliver(context, fake)


def second_round(context, fake, number):
    """Another order, between votes that the first one knows nothing of; one is taken back again."""
    ids = sorted(fake.tasks)
    taken_back = fake.annotate(ids[11], 1, "dog")
    deliver(context, fake)
    publish_round(context, number, {i: 0.9 - 0.05 * place for place, i in enumerate(ids)})
    deliver(context, fake)
    fake.delete_annotation(taken_back)
    fake.annotate(ids[1], 1, "cat")
    fake.annotate(ids[2], 2, "bird")
    deliver(context, fake)


def begin(folder, store_template, rounds):
    """Connect a project of twelve tasks and publish these rounds; return context, fake, number."""
    folder.mkdir()
    fake = FakeLabelStudio()
    context = make_context(folder, fake, store_template)
    number = fake.add_project(LABELS)
    connect_project(context, number, POLICY)
    for publish in rounds:
        publish(context, fake, number)
    fake.events.clear()
    return context, fake, number


@pytest.fixture
def make(tmp_path, store_template):
    """Return context, fake Label Studio and number of a project after some rounds, ever anew."""
    folders = map(tmp_path.joinpath, map(str, itertools.count()))
    opened, made = [], {}

    def copied(rounds):
        """Copy what was done once: publishing takes longer than undoing."""
        if rounds not in made:
            folder = next(folders)
            context, fake, number = begin(folder, store_template, rounds)
            context.close()
            made[rounds] = folder, fake, number
        folder, fake, number = made[rounds]
        copy = shutil.copytree(folder, next(folders))
        settings, fake = make_settings(copy), deepcopy(fake)
        client = LabelStudio(URL, TOKEN, transport=fake.transport())
        return Context(settings, connect_database(settings.database()), client), fake, number

    def make(*rounds):
        if SQLITE:
            opened.append(copied(rounds))
        else:
            opened.append(begin(next(folders), store_template, rounds))
        return opened[-1]

    yield make
    for context, *_ in opened:
        context.close()


def shown(fake, number):
    """Return the scores by which Label Studio orders, by task."""
    version = fake.projects[number]["model_version"]
    return {
        p["task"]: p["score"] for p in fake.predictions.values() if p["model_version"] == version
    }


def end_of(context, fake, number):
    """Return what undoing decides, on both sides."""
    assert len(fake.predictions) == len(
        {(p["task"], p["model_version"]) for p in fake.predictions.values()}
    ), "a task has two scores of one version"
    with reading(context.engine) as connection:
        states = [(r.number, r.state) for r in list_rounds(connection, number)]
        assert count_events(connection, number)[1] == 0
    stored = {i: task.score for i, task in state_of(context, number).tasks.items()}
    scores = shown(fake, number)
    if scores:
        assert stored == pytest.approx(scores), "store and Label Studio disagree"
    return {
        "rounds": states,
        "version": fake.projects[number]["model_version"],
        "settings": {k: v for k, v in fake.projects[number].items() if k != "updated_at"},
        "scores": {i: round(score, 9) for i, score in scores.items()},
        "open": sorted(fake.open_tasks(number)),
        "data": {i: task["data"] for i, task in fake.tasks.items()},
    }


def by_command(context, number, run):
    undo_run(context, number, run)


def by_dashboard(context, number, run):
    ask_for_undo(context.engine, number, run)
    carry_out(context, number)


def look_again(context, number, _run):
    """What a worker does after a while, whoever was killed."""
    carry_out(context, number)


def compare(context, number, _run):
    with reading(context.engine) as connection:
        project = get_project(connection, number)
    sweep_project(context, project, full=True)


def written_back(context, fake, number):
    for person in (1, 2):
        for task in sorted(fake.tasks)[:5]:
            fake.annotate(task, person, "dog")
    deliver(context, fake)
    fake.tasks[min(fake.tasks)]["data"]["relabel_label"] = "somebody's own"
    write_back(context, number)


CASES = {
    "to the round before": ((first_round, second_round), "round-2"),
    "the only round": ((first_round,), "round-1"),
    "labels written back": ((first_round, written_back), "write-back"),
}


REPEATS = {
    "the command again": (by_command, by_command),
    "a worker's next look": (by_dashboard, look_again),
    "a whole comparison": (by_dashboard, compare),
}


OFTEN = [
    pytest.param(
        case, repeat, id=f"{case}-{repeat}", marks=() if one == other else pytest.mark.slow
    )
    for one, case in enumerate(CASES)
    for other, repeat in enumerate(REPEATS)
]
"""Every case with every repeat, for `make check` each of them once."""


@pytest.mark.slow
@pytest.mark.parametrize(("case", "repeat"), OFTEN)
def test_killed_at_any_write_a_repeat_ends_in_the_same_state(make, case, repeat):
    rounds, run = CASES[case]
    undo, again = REPEATS[repeat]
    context, fake, number = make(*rounds)
    undo(context, number, run)
    wanted = end_of(context, fake, number)
    for moment in range(MANY):
        context, fake, number = make(*rounds)
        with contextlib.suppress(Killed), killed_at(context, fake, moment):
            undo(context, number, run)
            break  # it has made all its writes
        with contextlib.suppress(NotReadyError):  # undone already
            (undo if moment == 0 else again)(context, number, run)  # before 1 nobody knows of it
        assert end_of(context, fake, number) == wanted, f"killed at {moment}"
    assert 8 < moment < MANY - 1


def test_an_undo_whose_round_is_not_the_last_any_more_is_dropped_with_the_reason(make, caplog):
    """Asked for while no worker runs; a round then publishes before anybody looks."""
    context, fake, number = make(first_round, second_round)
    ask_for_undo(context.engine, number, "round-2")
    ids = sorted(fake.tasks)
    last = publish_round(context, number, {ids[5]: 0.9, ids[7]: 0.8})
    carry_out(context, number)
    end = end_of(context, fake, number)
    assert end["version"] == last.model_version
    assert [state for _, state in end["rounds"]] == ["published", "published", "published"]
    assert "'round-2' cannot be undone: the run that orders the queue now is round-3" in caplog.text
    fake.requests.clear()
    assert carry_out(context, number).events == 0


def test_an_undo_that_was_begun_before_another_round_published_changes_nothing_more(make):
    context, fake, number = make(first_round, second_round)
    ask_for_undo(context.engine, number, "round-2")
    with pytest.raises(Killed), killed_at(context, fake, 3):
        carry_out(context, number)
    ids = sorted(fake.tasks)
    last = publish_round(context, number, {ids[5]: 0.9, ids[7]: 0.8})
    carry_out(context, number)
    end = end_of(context, fake, number)
    assert end["version"] == last.model_version
    assert [state for _, state in end["rounds"]] == ["published", "undone", "published"]


def test_a_vote_that_is_taken_back_gives_its_task_the_place_that_the_round_gave_it(make):
    context, fake, number = make(first_round)
    before = shown(fake, number)
    annotation = fake.annotate(max(fake.tasks), 1, "dog")
    deliver(context, fake)
    assert shown(fake, number) != before
    fake.delete_annotation(annotation)
    deliver(context, fake)
    assert shown(fake, number) == pytest.approx(before)


def test_labels_of_a_task_that_was_deleted_since_stop_no_undoing(make):
    context, fake, number = make(first_round, written_back)
    gone = sorted(fake.tasks)[1]
    fake.delete_task(gone)
    undo_run(context, number, "write-back")
    assert all("relabel_soft_label" not in task["data"] for task in fake.tasks.values())
