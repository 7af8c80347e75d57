"""What must be true whenever everything has come to rest, and after detaching."""

import numpy as np
from acts import votes
from relabel.labelstudio.contract import settings_to_change
from relabel.service.audit.kept_turns import turns_to_keep
from relabel.service.audit.turns import turns_of
from relabel.service.connected import open_connected
from relabel.service.queue.refresh import open_ids, shown_scores
from relabel.service.queue.scores import scores_now
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.setup.detach import detach
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import sweep_project
from relabel.service.votes.result import RoundResult
from relabel.service.votes.task_states import differing_tasks, uncounted_tasks
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from wiring import report, state_of, votes_of_store


def settle(world):
    """Sweep until nothing is left to repair: then the store says what Label Studio says."""
    context = world.workers[0].context
    world.fake.events.clear()  # all lost: a reading has to find what they told
    for _ in range(6):
        world.fake.requests.clear()
        sweep_project(context, world.project(), full=True)
        while world.fake.events:
            report(context, world.fake.events.pop(0))
        carry_out(context, world.number)
        if not world.fake.writes():
            break
    assert world.fake.writes() == [], "a repair must end"
    check_mirror(world, context)
    check_counted(world, context)
    check_queue(world, context)


def check_mirror(world, context):
    """Votes, tasks and counters are what Label Studio has, and no event waits."""
    fake, number = world.fake, world.number
    mine, theirs = votes_of_store(context, number), fake.votes(number)
    assert votes(fake, mine) == votes(fake, theirs)
    tasks = state_of(context, number).tasks
    assert list(tasks) == sorted(fake.tasks)
    for task_id, task in tasks.items():
        there = fake.tasks[task_id]
        assert (task.overlap, task.is_labeled) == (there["overlap"], there["is_labeled"])
    check_counters(fake)
    with reading(context.engine) as connection:
        assert count_events(connection, number)[1] == 0


def check_counted(world, context, *, rest=True):
    """What is kept of each task is what its annotations say; at rest it is kept of every task."""
    connected = open_connected(context.settings, world.project())
    with reading(context.engine) as connection:
        assert differing_tasks(connection, connected) == {}
        assert not rest or uncounted_tasks(connection, connected) == []


def check_counters(fake):
    for number, task in fake.tasks.items():
        right = fake.counters(number)
        assert {name: task[name] for name in right} == right


def check_queue(world, context):
    """Each task shows one score, the store's; and the tasks that the votes ask for stand open."""
    state, last = state_of(context, world.number), world.published()
    version = "" if last is None else last.model_version
    assert settings_to_change(world.fake.projects[world.number], version) == {}
    if last is None:
        return
    result = RoundResult.load(context.folder(world.number), last.artifact)
    scores, changed = scores_now(state, result, turns_of(state))
    shown = {i: [] for i in state.tasks}
    for prediction in world.fake.predictions.values():
        if prediction["model_version"] == version:
            shown[prediction["task"]].append(prediction["score"])
    assert shown == {i: [s] for i, s in zip(state.tasks, scores.tolist(), strict=True)}
    assert shown == {i: [task.score] for i, task in state.tasks.items()}
    turns = turns_of(state)
    assert turns_to_keep(state, result, turns) == [], "of each turn it is kept what was known"
    assert state.kept_turns.keys() <= set(state.tasks)
    wanted = open_ids(state, shown_scores(state, scores, changed), stop_reason(state), turns)
    check_open(world, state, set(wanted.tolist()), scores)


def check_open(world, state, wanted, scores):
    now, ours = set(world.fake.open_tasks(world.number)), opened(world, state)
    assert ours <= wanted <= now
    if state.project.paused or not wanted:
        return
    # Said once more in other words: each contested task, and of the others the most urgent.
    ids = np.array(list(state.tasks))
    first = state.begun() & (state.policy.score != "gain")
    contested = state.waiting() & (first | state.serving.held)
    assert set(ids[contested].tolist()) <= now
    order = np.argsort(scores, kind="stable")
    fresh = [i for i in order.tolist() if state.waiting()[i] and not contested[i]]
    assert set(ids[fresh[: state.policy.window]].tolist()) <= now
    people = np.unique(state.serving.taken[:, 1])
    passed = max((int((state.serving.taken[:, 1] == p).sum()) for p in people), default=0)
    limit = max(2 * state.policy.window, state.policy.window * (1 + len(people)) + passed)
    assert len(ours & set(ids[fresh].tolist())) <= limit


def opened(world, state):
    """Return the tasks that stand open and have been touched by a backend."""
    return {i for i in world.fake.open_tasks(world.number) if state.tasks[i].touched}


def check_detached(world):
    """Detaching gives back what was there before connecting; people's annotations stay."""
    detach(world.workers[0].context, world.number)
    after = world.fake.picture(world.number)
    # What becomes of skipped tasks is people's own setting.
    own = {"skip_queue": after["project"]["skip_queue"]}
    assert after["project"] == world.first["project"] | own
    assert after["others"] == world.first["others"]
    assert after["predictions"] == []
    check_counters(world.fake)
    for number, (overlap, is_labeled, data) in after["tasks"].items():
        before = world.first["tasks"].get(number, (1, False, data))
        full = world.fake._people(number) >= before[0]
        assert (overlap, is_labeled, data) == (before[0], before[1] or full, before[2])
