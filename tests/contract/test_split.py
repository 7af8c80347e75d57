"""The evaluation split is cleaned first, apart from the rest, by rounds that see it alone."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from relabel.errors import ConfigurationError, NotReadyError
from relabel.service.audit.turns import turns_of
from relabel.service.commands import ask_for_audit
from relabel.service.export.export import export_rows
from relabel.service.insight.consequences import of_auditing
from relabel.service.insight.status import project_status
from relabel.service.queue.parts import in_force, parts_of
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.run import run_round
from relabel.service.setup.connect import plan_connect
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import Part
from relabel.storage.database import reading
from relabel.storage.projects import get_project, set_project
from relabel.storage.task_states import list_turns
from wiring import connect_project, deliver, state_of

POLICY = {"split": "part", "window": 3, "audit_share": 0.0, "retrain_after": 1000}
POLICY |= {"selector_options": {"folds": 2}}


@pytest.fixture
def split(context, fake, monkeypatch):
    """Make and connect 8 tasks, of which every other one is a test task."""

    def made(**policy):
        number = fake.add_project(["cat", "cat", "dog", "dog"] * 2)
        for place, task in enumerate(fake.tasks.values()):
            task["data"]["part"] = ("test", "train")[place % 2]
            levels = np.random.default_rng(place).integers(0, 255, (32, 32)).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(levels).save(buffer, "PNG")
            fake.files[task["data"]["image"]] = buffer.getvalue()
        columns = [{"id": "part", "target": "tasks", "parent": "data"}]
        monkeypatch.setattr(fake, "_get_columns", lambda **_: (200, {"columns": columns}))
        connect_project(context, number, json.dumps(POLICY | policy))
        fake.events.clear()
        ids = list(fake.tasks)
        return number, set(ids[::2]), set(ids[1::2])

    return made


def part_now(context, number):
    return in_force(state_of(context, number)).part


def judged(context, number, done):
    return set(RoundResult.load(context.folder(number), done.artifact).posteriors.task_ids.tolist())


def clean(context, fake, number, wanted):
    """Let two people say what is there, of what is served, until another part has its turn."""
    part, served = part_now(context, number), set()
    while part_now(context, number) is part and (task := fake.next_task(1)) is not None:
        fake.annotate(task, 1, fake.tasks[task]["data"].get("said", "cat"))
        deliver(context, fake)
        if task in fake.open_tasks(number):
            fake.annotate(task, 2, "cat")
            deliver(context, fake)
        served.add(task)
        assert task in wanted
    return served


def test_each_part_has_its_round_and_the_evaluation_split_is_served_first(context, fake, split):
    number, test, train = split()
    first = run_round(context, number)
    assert judged(context, number, first) == test
    assert set(fake.open_tasks(number)) <= test
    clean(context, fake, number, test)
    assert part_now(context, number) is Part.REST
    assert round_due_now(context, number) == "the rest has its turn"
    second = run_round(context, number)
    assert judged(context, number, second) == train
    assert round_due_now(context, number) == ""
    clean(context, fake, number, train)
    assert fake.open_tasks(number) == []
    rows = export_rows(context, number)[1]
    assert {row.task_id for row in rows if row.split == "test"} == test
    assert all(row.state == "settled" for row in rows)


def test_its_own_budget_ends_it_and_votes_on_the_rest_count(context, fake, split):
    number, test, train = split(evaluation_budget=1)
    run_round(context, number)
    fake.annotate(min(train), 1, "cat")
    deliver(context, fake)
    assert part_now(context, number) is Part.EVALUATION
    fake.annotate(min(test), 1, "dog")
    deliver(context, fake)
    assert part_now(context, number) is Part.REST
    parts = project_status(context.engine, context.settings, number)["parts"]
    assert [(part["votes"], part["budget"]) for part in parts] == [(1, 1), (1, None)]


def test_a_field_that_no_task_has_is_refused_by_name(context, split):
    number, _, _ = split()
    with pytest.raises(ConfigurationError, match="no task has a field 'prat'; there are: 'part'"):
        plan_connect(context, number, json.dumps(POLICY | {"split": "prat"}))


def test_no_round_learns_from_all_where_no_task_is_of_the_split(context, split):
    number, _, _ = split(evaluation=["testing"])
    with pytest.raises(NotReadyError, match=r"'test' .4., 'train' .4."):
        run_round(context, number)


def test_the_audit_of_each_part_asks_about_its_own_tasks(context, fake, split):
    number, test, train = split(audit_share=0.5)
    run_round(context, number)
    clean(context, fake, number, test)
    with reading(context.engine) as connection:
        kept = list_turns(connection, number)
    assert kept
    assert set(kept) <= test
    assert {turn.part for turn in kept.values()} == {Part.EVALUATION}
    run_round(context, number)
    clean(context, fake, number, train)
    with reading(context.engine) as connection:
        parts = {task_id: turn.part for task_id, turn in list_turns(connection, number).items()}
    assert set(parts) == {row for turns in audits(context, number) for row in turns}
    assert all(part == (Part.EVALUATION if i in test else Part.REST) for i, part in parts.items())
    assert set(parts.values()) == {Part.EVALUATION, Part.REST}


def audits(context, number):
    state = state_of(context, number)
    return [state.counts.task_ids[turns_of(part).rows].tolist() for part in parts_of(state)]


def test_named_midway_the_split_has_its_round_and_every_vote_counts(context, fake, split):
    """Two votes came while all was cleaned together; then the key is set."""
    number, test, train = split(split="")
    first = run_round(context, number)
    assert judged(context, number, first) == test | train
    for task in (min(test), min(train)):
        fake.annotate(task, 1, "cat")
    deliver(context, fake)
    with context.engine.begin() as connection:
        set_project(connection, number, extra_params=json.dumps(POLICY))
    forget_sweeps(context)
    sweep(context)
    assert part_now(context, number) is Part.EVALUATION
    assert round_due_now(context, number) == "the evaluation split has its turn"
    assert set(fake.open_tasks(number)) <= test
    second = run_round(context, number)
    assert judged(context, number, second) == test
    clean(context, fake, number, test)
    run_round(context, number)
    clean(context, fake, number, train)
    parts = project_status(context.engine, context.settings, number)["parts"]
    assert [part["settled"] for part in parts] == [len(test), len(train)]
    assert sum(part["votes"] for part in parts) == len(fake.annotations) - len(fake.tasks)


def test_a_sweep_after_a_restart_leaves_the_part_as_it_is(context, fake, split):
    number, test, _ = split()
    run_round(context, number)
    fake.annotate(fake.next_task(1), 1, "cat")
    deliver(context, fake)
    before = fake.open_tasks(number)
    forget_sweeps(context)
    sweep(context)
    assert fake.open_tasks(number) == before
    assert set(before) <= test
    assert round_due_now(context, number) == ""


def test_audited_tasks_that_were_asked_for_are_of_the_part_that_is_cleaned(context, fake, split):
    number, test, train = split()
    run_round(context, number)
    ask(context, number, 2)
    first, second = audits(context, number)
    assert (len(first), second) == (2, [])
    assert set(first) <= test
    clean(context, fake, number, test)
    for person in (1, 2, 1, 2):
        if part_now(context, number) is Part.EVALUATION and (task := fake.next_task(person)):
            fake.annotate(task, person, "cat")
            deliver(context, fake)
    assert part_now(context, number) is Part.REST
    run_round(context, number)
    assert audits(context, number) == [first, []]
    ask(context, number, 1)
    first_again, second = audits(context, number)
    assert (first_again, len(second)) == (first, 1)
    assert set(second) <= train
    with reading(context.engine) as connection:
        assert get_project(connection, number).audit_until == {"evaluation": 2, "rest": 1}


def ask(context, number, tasks):
    """Ask for so many audited tasks as a button does, and let the worker see it."""
    (offer,) = of_auditing(context.engine, context.settings, number, tasks)
    ask_for_audit(context.engine, context.settings, number, offer.run)
    carry_out(context, number)
