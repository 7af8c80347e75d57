"""Two backends beside one Label Studio, whose processes are killed and whose clocks jump."""

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import httpx
import stamina
from acts import do
from fake_label_studio import URL, FakeLabelStudio
from relabel.errors import RelabelError
from relabel.labelstudio import client
from relabel.labelstudio.client import LabelStudio
from relabel.service.context import Context
from relabel.service.queue import publish
from relabel.service.setup.connect import connect, plan_connect
from relabel.storage import database, rounds
from relabel.storage.database import connect as connect_database
from relabel.storage.database import reading
from relabel.storage.journal import claims, events
from relabel.storage.projects import get_project
from relabel.storage.rounds import RoundState, finish_round, published_round
from relabel.storage.tables import rounds as rounds_table
from sqlalchemy import event, update
from wiring import TOKEN, claim_round, judge, make_settings

GONE = 2**22 + 1
"""No process has this number."""


class Killed(BaseException):
    """SIGKILL: from here on, this process writes nothing more, to either side."""


class Worker:
    """One backend process: what it writes is counted, and ends when it is killed."""

    def __init__(self, world):
        self.world = world
        self.left = None
        self.dead = False
        server = LabelStudio(URL, TOKEN, transport=httpx.MockTransport(self.answer))
        engine = connect_database(world.settings.database())
        event.listen(engine, "commit", lambda _connection: self.write())
        self.context = Context(world.settings, engine, server)

    def write(self):
        if self.left is not None and not self.dead:
            self.left -= 1
            self.dead = self.left < 0
        if self.dead:
            raise Killed

    def answer(self, request):
        if request.method != "GET":
            self.write()
        self.world.meanwhile()
        return self.world.fake.answer(request)

    def close(self):
        self.context.close()


class Clock(SimpleNamespace):
    """The time module of a machine whose clock people set."""

    def __init__(self):
        super().__init__(offset=0.0, monotonic=time.monotonic, sleep=lambda _seconds: None)

    def time(self):
        return time.time() + self.offset


class World:
    """Label Studio with one connected project, and two workers on one store."""

    def __init__(self, template, labels):
        self.folder = Path(tempfile.mkdtemp())
        self.patches = ExitStack()
        self.clock = Clock()
        for module in (database, rounds, events, claims, publish):
            self.patches.enter_context(mock.patch.object(module, "time", self.clock))
        self.patches.enter_context(mock.patch.object(client, "PAGE", 3))
        self.patches.enter_context(stamina.set_testing(True, attempts=1))
        self.fake = FakeLabelStudio()
        self.pending = None
        self.stalled = None
        self.settings = make_settings(self.folder, **template.copy_for(self.folder / "data"))
        self.workers = [Worker(self), Worker(self)]
        self.number = self.fake.add_project(labels)
        self.fake.old = frozenset(self.fake.tasks)
        self.first = self.fake.picture(self.number)
        self.connect(self.workers[0].context, None)

    def close(self):
        for worker in self.workers:
            worker.close()
        self.patches.close()
        shutil.rmtree(self.folder)

    def connect(self, context, params):
        connect(context, plan_connect(context, self.number, params))

    def project(self):
        with reading(self.workers[0].context.engine) as connection:
            return get_project(connection, self.number)

    def published(self):
        with reading(self.workers[0].context.engine) as connection:
            return published_round(connection, self.number)

    def meanwhile(self):
        """Let people act between two requests, once, if it is drawn."""
        if self.pending is not None:
            left, act = self.pending
            self.pending = (left - 1, act) if left else None
            if not left:
                do(self.fake, self.number, act)

    def work(self, worker, action, kill=None, meanwhile=None, crossing=None):
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
            self._bury()
        finally:
            self.pending = None
            self.fake.crossing = lambda _task: None
            self.workers[worker].left = None

    def _bury(self):
        """Let rounds of killed processes have the numbers of processes that are gone."""
        kept = -1 if self.stalled is None else self.stalled[0].id
        with self.workers[0].context.engine.begin() as connection:
            connection.execute(
                update(rounds_table).where(rounds_table.c.id != kept).values(pid=GONE)
            )

    # -- rounds: their training aside --------------------------------------------------------
    def round(self, context, doubts):
        self.publish(context, *self.begin_round(context, doubts))

    def begin_round(self, context, doubts):
        """Return a round and its result, which is not handed over yet."""
        current = claim_round(context, self.number)
        suspicion = {i: doubts[i % len(doubts)] for i in self.fake.tasks}
        return current, judge(context, self.number, current, suspicion)

    def publish(self, context, current, result):
        try:
            publish.publish(context, current, result, {}, lambda *_told: None)
        except RelabelError as error:
            with context.engine.begin() as connection:
                finish_round(connection, current.id, RoundState.FAILED, error=str(error))
            raise
