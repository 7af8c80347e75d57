"""Two backends beside one Label Studio, driven into every interleaving that a machine thinks of.

People act in the middle of what a backend does, a backend is killed before or after any write to
either side, events are lost, doubled and late, and clocks jump. Whenever everything has come to
rest, the store must say what Label Studio says, and the queue must be what the votes ask for.
"""

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import httpx
import numpy as np
import stamina
from acts import ANNOTATE, CHANGE, DELETE, DELETE_TASK, IMPORT, ON_BEHALF, SKIP, do, votes
from fake_label_studio import URL, FakeLabelStudio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from relabel.errors import RelabelError
from relabel.labelstudio import client
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.contract import settings_to_change
from relabel.service import publish, sweep
from relabel.service.connect import connect, plan_connect
from relabel.service.context import Context
from relabel.service.detach import detach
from relabel.service.ingest import carry_out
from relabel.service.queue import open_ids, shown_scores
from relabel.service.receiving import receive
from relabel.service.scores import RoundResult, scores_now
from relabel.service.steering import ask_for_round, ask_for_undo, go_on, pause
from relabel.service.sweep import sweep_project
from relabel.service.undo import undo_run
from relabel.storage import database, events, rounds
from relabel.storage.database import connect as connect_database
from relabel.storage.database import reading
from relabel.storage.events import count_events
from relabel.storage.projects import get_project
from relabel.storage.rounds import RoundState, finish_round, published_round
from relabel.storage.tables import rounds as rounds_table
from sqlalchemy import event, update
from wiring import TOKEN, claim_round, judge, make_settings, report, state_of, votes_of_store

WINDOW = 2
GONE = 2**22 + 1
"""No process has this number."""
WORKERS = st.integers(0, 1)
ACT = st.one_of(ANNOTATE, ON_BEHALF, SKIP, CHANGE, DELETE, DELETE_TASK, IMPORT)
MEANWHILE = st.one_of(st.none(), st.tuples(st.integers(0, 12), ACT))
"""What somebody does before so many further requests of a backend are answered."""
CROSSING = st.one_of(st.none(), ACT)
"""What somebody does while Label Studio has read, and not yet saved, a task."""
KILL = st.one_of(st.none(), st.integers(0, 20))
"""How many writes a backend still makes before it is killed."""
DOUBTS = st.lists(st.sampled_from([0.25, 0.4, 0.55, 0.7, 0.85, 0.95]), min_size=8, max_size=8)


class Killed(BaseException):
    """SIGKILL: from here on, this process writes nothing more, to either side."""


class Worker:
    """One backend process: what it writes is counted, and ends when it is killed."""

    def __init__(self, machine):
        self.machine = machine
        self.left = None
        self.dead = False
        server = LabelStudio(URL, TOKEN, transport=httpx.MockTransport(self.answer))
        engine = connect_database(machine.settings.database())
        event.listen(engine, "commit", lambda _connection: self.write())
        self.context = Context(machine.settings, engine, server)

    def write(self):
        if self.left is not None and not self.dead:
            self.left -= 1
            self.dead = self.left < 0
        if self.dead:
            raise Killed

    def answer(self, request):
        if request.method != "GET":
            self.write()
        self.machine.meanwhile()
        return self.machine.fake.answer(request)

    def close(self):
        self.context.close()


class Clock(SimpleNamespace):
    """The time module of a machine whose clock people set."""

    def __init__(self):
        super().__init__(offset=0.0, monotonic=time.monotonic, sleep=lambda _seconds: None)

    def time(self):
        return time.time() + self.offset


class RelabelMachine(RuleBasedStateMachine):
    """People, two workers, and everything that may come between them."""

    template = None

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.patches = ExitStack()
        self.clock = Clock()
        for module in (database, rounds, events, sweep, publish):
            self.patches.enter_context(mock.patch.object(module, "time", self.clock))
        self.patches.enter_context(mock.patch.object(client, "PAGE", 3))
        self.patches.enter_context(stamina.set_testing(True, attempts=1))
        self.fake = FakeLabelStudio()
        self.pending = None
        self.stalled = None

    @initialize(published=st.booleans(), doubts=DOUBTS)
    def begin(self, published, doubts):
        values = self.template.copy_for(self.folder / "data")
        self.settings = make_settings(self.folder, **values)
        self.workers = [Worker(self), Worker(self)]
        self.number = self.fake.add_project(["cat", "dog", "cat", None, "bird", "dog"])
        self.fake.old = frozenset(self.fake.tasks)
        self.first = self.fake.picture(self.number)
        context = self.workers[0].context
        connect(context, plan_connect(context, self.number, None))
        if published:
            self.round(0, doubts, None, None, None)
        self.fake.events.clear()

    # -- how backends work -------------------------------------------------------------------
    def meanwhile(self):
        """Let people act between two requests, once, if it is drawn."""
        if self.pending is not None:
            left, act = self.pending
            self.pending = (left - 1, act) if left else None
            if not left:
                do(self.fake, self.number, act)

    def work(self, worker, action, kill, meanwhile, crossing):
        """Let a worker do something until it is done, fails, or is killed."""
        self.pending = meanwhile
        self.workers[worker].left = kill

        def cross(_task):
            self.fake.crossing = lambda _task: None
            # A task that goes away meanwhile is another matter: the answer is 404.
            if crossing is not None and crossing[0] != "delete task":
                do(self.fake, self.number, crossing)

        self.fake.crossing = cross
        try:
            action(self.workers[worker].context)
        except RelabelError:
            pass
        except Killed:
            self.workers[worker].close()
            self.workers[worker] = Worker(self)
            self.bury()
        finally:
            self.pending = None
            self.fake.crossing = lambda _task: None
            self.workers[worker].left = None

    def bury(self):
        """Let rounds of killed processes have the numbers of processes that are gone."""
        kept = -1 if self.stalled is None else self.stalled[0].id
        with self.workers[0].context.engine.begin() as connection:
            connection.execute(
                update(rounds_table).where(rounds_table.c.id != kept).values(pid=GONE)
            )

    def project(self):
        with reading(self.workers[0].context.engine) as connection:
            return get_project(connection, self.number)

    # -- people ------------------------------------------------------------------------------
    @rule(act=ACT)
    def somebody_acts(self, act):
        do(self.fake, self.number, act)

    @rule(person=st.sampled_from([1, 2, 3]), choice=st.sampled_from(["cat", "dog", "bird"]))
    def somebody_labels_what_is_served(self, person, choice):
        task = self.fake.next_task(person)
        if task is not None:
            self.fake.annotate(task, person, choice)

    @rule(
        change=st.sampled_from(
            [
                {"sampling": "Sequential sampling"},
                {"model_version": ""},
                {"show_collab_predictions": False},
                {"maximum_annotations": 3},
                {"skip_queue": "REQUEUE_FOR_ME"},
                {"skip_queue": "IGNORE_SKIPPED"},
                {"skip_queue": "REQUEUE_FOR_OTHERS"},
            ]
        )
    )
    def somebody_changes_a_setting(self, change):
        self.fake.set_project(self.number, **change)

    @rule(
        which=st.integers(0, 99),
        how=st.sampled_from(["change", "delete", "vanish", "double", "vanish and double"]),
    )
    def somebody_spoils_a_score(self, which, how):
        mine = [p for p in self.fake.predictions.values() if p["project"] == self.number]
        if not mine:
            return
        one, other = mine[which % len(mine)], mine[which // 2 % len(mine)]
        if how == "change":
            self.fake._patch_prediction(one["id"], body={"score": which / 100}, params=None)
        elif how == "delete":
            self.fake._delete_prediction(one["id"], body=None, params=None)
        if how.startswith("vanish"):
            del self.fake.predictions[one["id"]]
        if how.endswith("double"):
            self.fake._add_prediction(other["task"], dict(other))

    # -- events ------------------------------------------------------------------------------
    @rule(data=st.data(), worker=WORKERS)
    def events_arrive(self, data, worker):
        """Some are lost, some come twice, some late; with content or by their name alone."""
        waiting, self.fake.events = self.fake.events, []
        for body in waiting:
            fate = data.draw(st.sampled_from(["once", "once", "lost", "twice", "late", "whole"]))
            context = self.workers[worker].context
            if fate == "late":
                self.fake.events.append(body)
            elif fate == "whole":
                receive(context.engine, context.settings, body)
            else:
                for _ in range({"once": 1, "lost": 0, "twice": 2}[fate]):
                    report(context, body)

    # -- backends ----------------------------------------------------------------------------
    @rule(worker=WORKERS, kill=KILL, meanwhile=MEANWHILE, crossing=CROSSING)
    def a_worker_carries_out(self, worker, kill, meanwhile, crossing):
        self.work(worker, lambda c: carry_out(c, self.number), kill, meanwhile, crossing)

    @rule(worker=WORKERS, full=st.booleans(), kill=KILL, meanwhile=MEANWHILE, crossing=CROSSING)
    def a_worker_sweeps(self, worker, full, kill, meanwhile, crossing):
        project = self.project()
        self.work(worker, lambda c: sweep_project(c, project, full=full), kill, meanwhile, crossing)

    @rule(worker=WORKERS, doubts=DOUBTS, kill=KILL, meanwhile=MEANWHILE, crossing=CROSSING)
    def a_round_runs(self, worker, doubts, kill, meanwhile, crossing):
        self.round(worker, doubts, kill, meanwhile, crossing)

    def round(self, worker, doubts, kill, meanwhile, crossing):
        def whole(context):
            current = claim_round(context, self.number)
            self.publish(context, current, self.judged(context, current, doubts))

        self.work(worker, whole, kill, meanwhile, crossing)

    def judged(self, context, current, doubts):
        suspicion = {i: doubts[i % len(doubts)] for i in self.fake.tasks}
        return judge(context, self.number, current, suspicion)

    def publish(self, context, current, result):
        try:
            publish.publish(context, current, result, {}, lambda *_told: None)
        except RelabelError as error:
            with context.engine.begin() as connection:
                finish_round(connection, current.id, RoundState.FAILED, error=str(error))
            raise

    @rule(worker=WORKERS, run=st.sampled_from(["undo", "ask"]), kill=KILL, meanwhile=MEANWHILE)
    def somebody_undoes_the_last_round(self, worker, run, kill, meanwhile):
        with reading(self.workers[worker].context.engine) as connection:
            last = published_round(connection, self.number)
        name = "round-1" if last is None else last.run

        def ask(context):
            ask_for_undo(context.engine, self.number, name)
            carry_out(context, self.number)

        undo = ask if run == "ask" else lambda c: undo_run(c, self.number, name)
        self.work(worker, undo, kill, meanwhile, None)

    @precondition(lambda self: self.stalled is None)
    @rule(worker=WORKERS)
    def an_undo_without_disturbance_is_right_at_once(self, worker):
        self.settle()
        context = self.workers[worker].context
        with reading(context.engine) as connection:
            last = published_round(connection, self.number)
        if last is None:
            return
        undo_run(context, self.number, last.run)
        self.check_queue(context)
        self.check_mirror(context)
        with reading(context.engine) as connection:
            none_left = published_round(connection, self.number) is None
        if none_left:
            assert self.opened(state_of(context, self.number)) == set()

    # -- a round whose process sleeps, and is taken for dead ---------------------------------
    @precondition(lambda self: self.stalled is None)
    @rule(doubts=DOUBTS)
    def a_round_stalls(self, doubts):
        def begin(context):
            current = claim_round(context, self.number)
            self.stalled = (current, self.judged(context, current, doubts))

        self.work(1, begin, None, None, None)

    @precondition(lambda self: self.stalled is not None)
    @rule()
    def the_stalled_round_wakes(self):
        (current, result), self.stalled = self.stalled, None
        self.work(1, lambda c: self.publish(c, current, result), None, None, None)

    @rule(wish=st.sampled_from([pause, go_on, go_on, ask_for_round]))
    def somebody_presses_a_button(self, wish):
        wish(self.workers[1].context.engine, self.number)

    @rule(window=st.integers(1, 3), worker=WORKERS, kill=KILL, meanwhile=MEANWHILE)
    def the_policy_changes(self, window, worker, kill, meanwhile):
        def again(context):
            connect(context, plan_connect(context, self.number, f"window = {window}"))

        self.work(worker, again, kill, meanwhile, None)

    @rule(seconds=st.sampled_from([-7200.0, -30.0, 30.0, 130.0, 90_000.0]))
    def a_clock_jumps(self, seconds):
        self.clock.offset += seconds

    # -- what must be true -------------------------------------------------------------------
    @rule()
    def everything_comes_to_rest(self):
        self.settle()

    def settle(self):
        context = self.workers[0].context
        self.fake.events.clear()  # all lost: a reading has to find what they told
        for _ in range(6):
            self.fake.requests.clear()
            sweep_project(context, self.project(), full=True)
            while self.fake.events:
                report(context, self.fake.events.pop(0))
            carry_out(context, self.number)
            if not self.fake.writes():
                break
        assert self.fake.writes() == [], "a repair must end"
        self.check_mirror(context)
        self.check_queue(context)

    def check_mirror(self, context):
        mine, theirs = votes_of_store(context, self.number), self.fake.votes(self.number)
        assert votes(self.fake, mine) == votes(self.fake, theirs)
        tasks = state_of(context, self.number).tasks
        assert list(tasks) == sorted(self.fake.tasks)
        for number, task in tasks.items():
            there = self.fake.tasks[number]
            assert (task.overlap, task.is_labeled) == (there["overlap"], there["is_labeled"])
        self.check_counters()
        with reading(context.engine) as connection:
            assert count_events(connection, self.number)[1] == 0

    def check_counters(self):
        for number, task in self.fake.tasks.items():
            right = self.fake.counters(number)
            assert {name: task[name] for name in right} == right

    def check_queue(self, context):
        state = state_of(context, self.number)
        with reading(context.engine) as connection:
            last = published_round(connection, self.number)
        version = "" if last is None else last.model_version
        assert settings_to_change(self.fake.projects[self.number], version) == {}
        if last is None:
            return
        result = RoundResult.load(context.folder(self.number), last.artifact)
        scores, changed = scores_now(state, result)
        shown = {i: [] for i in state.tasks}
        for prediction in self.fake.predictions.values():
            if prediction["model_version"] == version:
                shown[prediction["task"]].append(prediction["score"])
        assert shown == {i: [s] for i, s in zip(state.tasks, scores.tolist(), strict=True)}
        assert shown == {i: [task.score] for i, task in state.tasks.items()}
        self.check_open(state, open_ids(state, shown_scores(state, scores, changed)), scores)

    def check_open(self, state, wanted, scores):
        now, ours = set(self.fake.open_tasks(self.number)), self.opened(state)
        assert ours <= set(wanted.tolist()) <= now
        if state.project.paused or not len(wanted):
            return
        # Said once more in other words: each contested task, and of the others the most urgent.
        ids = np.array(list(state.tasks))
        contested = state.waiting() & (state.begun() | state.serving.held)
        assert set(ids[contested].tolist()) <= now
        order = np.argsort(scores, kind="stable")
        fresh = [i for i in order.tolist() if state.waiting()[i] and not contested[i]]
        assert set(ids[fresh[: state.policy.window]].tolist()) <= now
        people = np.unique(state.serving.taken[:, 1])
        passed = max((int((state.serving.taken[:, 1] == p).sum()) for p in people), default=0)
        limit = max(2 * state.policy.window, state.policy.window * (1 + len(people)) + passed)
        assert len(ours & set(ids[fresh].tolist())) <= limit

    def opened(self, state):
        """Return the tasks that stand open and have been touched by a backend."""
        now = self.fake.open_tasks(self.number)
        return {i for i in now if state.tasks[i].touched}

    def check_detached(self):
        context = self.workers[0].context
        detach(context, self.number)
        after = self.fake.picture(self.number)
        # What becomes of skipped tasks is people's own setting.
        own = {"skip_queue": after["project"]["skip_queue"]}
        assert after["project"] == self.first["project"] | own
        assert after["others"] == self.first["others"]
        assert after["predictions"] == []
        self.check_counters()
        for number, (overlap, is_labeled, data) in after["tasks"].items():
            before = self.first["tasks"].get(number, (1, False, data))
            full = self.fake._people(number) >= before[0]
            assert (overlap, is_labeled, data) == (before[0], before[1] or full, before[2])

    def teardown(self):
        try:
            if hasattr(self, "number"):
                self.settle()
                self.check_detached()
        finally:
            for worker in getattr(self, "workers", []):
                worker.close()
            self.patches.close()
            shutil.rmtree(self.folder)
