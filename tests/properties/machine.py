"""Drives two backends and people into every interleaving that hypothesis thinks of.

People act in the middle of what a backend does, a backend is killed before or after any write to
either side, events are lost, doubled and late, and clocks jump. Whenever everything has come to
rest, the store must say what Label Studio says, and the queue must be what the votes ask for.
"""

from acts import ANNOTATE, CHANGE, DELETE, DELETE_TASK, IMPORT, ON_BEHALF, SKIP, do
from at_rest import check_counted, check_detached, check_mirror, check_queue, opened, settle
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from relabel.service.commands import (
    ask_for_audit,
    ask_for_round,
    ask_for_undo,
    go_on,
    pause,
)
from relabel.service.queue.settle import settle_all
from relabel.service.queue.undo import undo_run
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import sweep_project
from relabel.storage.database import reading
from relabel.storage.rounds import STALE_SECONDS, RoundState, find_round
from wiring import report, state_of
from world import World

WORKERS = st.integers(0, 1)
ACT = st.one_of(ANNOTATE, ON_BEHALF, SKIP, CHANGE, DELETE, DELETE_TASK, IMPORT)
MEANWHILE = st.one_of(st.none(), st.tuples(st.integers(0, 12), ACT))
"""What somebody does before so many further requests of a backend are answered."""
CROSSING = st.one_of(st.none(), ACT)
"""What somebody does while Label Studio has read, and not yet saved, a task."""
KILL = st.one_of(st.none(), st.integers(0, 20))
"""How many writes a backend still makes before it is killed."""
DOUBTS = st.lists(st.sampled_from([0.25, 0.4, 0.55, 0.7, 0.85, 0.95]), min_size=8, max_size=8)
SETTINGS = st.sampled_from(
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


class RelabelMachine(RuleBasedStateMachine):
    """People, two workers, and everything that may come between them."""

    template = None

    @initialize(published=st.booleans(), doubts=DOUBTS)
    def begin(self, published, doubts):
        self.world = World(self.template, ["cat", "dog", "cat", None, "bird", "dog"])
        self.fake, self.number = self.world.fake, self.world.number
        if published:
            self.world.work(0, lambda c: self.world.round(c, doubts))
        self.fake.events.clear()

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            settle(self.world)
            check_detached(self.world)
        finally:
            self.world.close()

    @invariant()
    def what_is_kept_of_a_task_is_what_its_annotations_say(self):
        """At every moment: what is stale is not looked at, and all else is right."""
        if hasattr(self, "world"):
            check_counted(self.world, self.context(0), rest=False)

    def context(self, worker):
        return self.world.workers[worker].context

    # -- people ------------------------------------------------------------------------------
    @rule(act=ACT)
    def somebody_acts(self, act):
        do(self.fake, self.number, act)

    @rule(person=st.sampled_from([1, 2, 3]), choice=st.sampled_from(["cat", "dog", "bird"]))
    def somebody_labels_what_is_served(self, person, choice):
        task = self.fake.next_task(person)
        if task is not None:
            self.fake.annotate(task, person, choice)

    @rule(change=SETTINGS)
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
            context = self.context(worker)
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
        self.world.work(worker, lambda c: carry_out(c, self.number), kill, meanwhile, crossing)

    @rule(worker=WORKERS, full=st.booleans(), kill=KILL, meanwhile=MEANWHILE, crossing=CROSSING)
    def a_worker_sweeps(self, worker, full, kill, meanwhile, crossing):
        project = self.world.project()
        self.world.work(
            worker, lambda c: sweep_project(c, project, full=full), kill, meanwhile, crossing
        )

    @rule(worker=WORKERS, doubts=DOUBTS, kill=KILL, meanwhile=MEANWHILE, crossing=CROSSING)
    def a_round_runs(self, worker, doubts, kill, meanwhile, crossing):
        self.world.work(worker, lambda c: self.world.round(c, doubts), kill, meanwhile, crossing)

    @rule(worker=WORKERS, run=st.sampled_from(["undo", "ask"]), kill=KILL, meanwhile=MEANWHILE)
    def somebody_undoes_the_last_round(self, worker, run, kill, meanwhile):
        last = self.world.published()
        name = "round-1" if last is None else last.run

        def ask(context):
            ask_for_undo(context.engine, self.number, name)
            carry_out(context, self.number)

        undo = ask if run == "ask" else lambda c: undo_run(c, self.number, name)
        self.world.work(worker, undo, kill, meanwhile)

    @precondition(lambda self: self.world.stalled is None)
    @rule(worker=WORKERS, rounds=st.lists(DOUBTS, max_size=2))
    def an_undo_without_disturbance_is_right_at_once(self, worker, rounds):
        """A sweep would repair what it leaves behind; and what stands right is not written anew."""
        settle(self.world)
        for doubts in rounds:
            self.world.work(worker, lambda c, doubts=doubts: self.world.round(c, doubts))
        context, last = self.context(worker), self.world.published()
        if last is None:
            return
        shown = {number: one["score"] for number, one in self.fake.predictions.items()}
        self.fake.requests.clear()
        undo_run(context, self.number, last.run)
        for method, path, body in self.fake.writes():
            if method == "PATCH" and path.startswith("/api/predictions/"):
                assert shown.get(int(path.split("/")[3])) != body["score"], "it was shown already"
        check_queue(self.world, context)
        check_mirror(self.world, context)
        if self.world.published() is None:
            assert opened(self.world, state_of(context, self.number)) == set()

    # -- a round whose process sleeps, and is taken for dead ---------------------------------
    @precondition(lambda self: self.world.stalled is None)
    @rule(doubts=DOUBTS)
    def a_round_stalls(self, doubts):
        def begin(context):
            self.world.stalled = self.world.begin_round(context, doubts)

        self.world.work(1, begin)

    @precondition(lambda self: self.world.stalled is not None)
    @rule(replaced=st.booleans(), doubts=DOUBTS)
    def the_stalled_round_wakes(self, replaced, doubts):
        """Given up meanwhile, it writes nothing: a sweep would repair what it wrote."""
        (current, result), self.world.stalled = self.world.stalled, None
        if replaced:
            self.world.clock.offset += 2 * STALE_SECONDS
            self.world.work(0, lambda c: self.world.round(c, doubts))
        with reading(self.context(1).engine) as connection:
            runs = find_round(connection, current.id).state is RoundState.RUNNING
        self.fake.requests.clear()
        self.world.work(1, lambda c: self.world.publish(c, current, result))
        assert runs or self.fake.writes() == []

    @rule(wish=st.sampled_from([pause, go_on, go_on, ask_for_round]))
    def somebody_presses_a_button(self, wish):
        wish(self.context(1).engine, self.number)

    @rule(turns=st.integers(0, 6), worker=WORKERS, kill=KILL, meanwhile=MEANWHILE)
    def somebody_asks_for_more_of_the_audit(self, turns, worker, kill, meanwhile):
        """Or lets it go: the wish is where the audit shall come, whatever was asked for before."""
        context = self.context(1 - worker)
        ask_for_audit(context.engine, context.settings, self.number, f":{turns}")
        self.world.work(worker, lambda c: carry_out(c, self.number), kill, meanwhile)

    @rule(
        window=st.integers(1, 3),
        consensus=st.sampled_from(["majority", "posterior"]),
        score=st.sampled_from(["tiered_phi", "tiered_phi", "gain"]),
        audit=st.sampled_from([0.0, 0.25]),
        worker=WORKERS,
        kill=KILL,
        meanwhile=MEANWHILE,
    )
    def the_policy_changes(self, window, consensus, score, audit, worker, kill, meanwhile):
        params = f'window = {window}\nconsensus = "{consensus}"\nscore = "{score}"'
        params += f"\naudit_share = {audit}"
        self.world.work(worker, lambda c: self.world.connect(c, params), kill, meanwhile)

    @rule(worker=WORKERS, kill=KILL, meanwhile=MEANWHILE)
    def somebody_settles_on_request(self, worker, kill, meanwhile):
        self.world.work(worker, lambda c: settle_all(c, self.number), kill, meanwhile)

    @rule(seconds=st.sampled_from([-7200.0, -30.0, 30.0, 130.0, 90_000.0]))
    def a_clock_jumps(self, seconds):
        self.world.clock.offset += seconds

    @rule()
    def everything_comes_to_rest(self):
        settle(self.world)
