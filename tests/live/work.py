"""People at work on a live project, in short words."""

from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.digits import CLASSES
from relabel.errors import NotFoundError
from relabel.policy import build_policy
from relabel.service.connected import Connected, schema_of
from relabel.service.votes.task_states import read_state
from relabel.storage.database import connect, reading
from relabel.storage.projects import get_project

SECONDS = 90.0


class Work:
    """One project and its backend, with short words for what people do."""

    def __init__(self, project, backend, policy):
        self.project, self.backend, self.policy = project, backend, build_policy(policy)
        self.studio = project.label_studio
        self.admin, self.people = self.studio.admin, self.studio.annotators

    def settle(self):
        """Wait until the backend has nothing to do."""

        def quiet():
            status = self.backend.status(self.project)
            return not status["pending_jobs"] and not status["round_running"]

        assert poll(quiet, seconds=SECONDS), self.backend.status(self.project)

    def next_task(self, person):
        with api.connect(self.studio.url, person.token) as client:
            path = f"/api/projects/{self.project.id}/next"
            try:
                return int(api.get(client, path)["id"])
            except NotFoundError:
                return None

    def submit(self, person, task, **body):
        with api.connect(self.studio.url, person.token) as client:
            return api.post(client, f"/api/tasks/{task}/annotations/", {"lead_time": 1.0, **body})

    def skip(self, person):
        """Skip what is served, and return it."""
        task = self.next_task(person)
        self.submit(person, task, result=[], was_cancelled=True)
        self.settle()
        return task

    def in_order(self):
        """Return the tasks without an end, the one to be served first at the front."""
        queue = self.project.queue().tasks
        state = self.state()
        left = [n for n, waits in zip(state.tasks, state.waiting(), strict=True) if waits]
        return sorted(left, key=lambda n: queue[n].score)

    def state(self):
        engine = connect(self.backend.backend.database())
        with reading(engine) as connection:
            project = get_project(connection, self.project.id)
            state = read_state(
                connection, Connected(project, self.policy, schema_of(project, self.policy))
            )
        engine.dispose()
        return state

    def said(self, task):
        """Return (person, label, whether from before connecting) of each vote on a task."""
        return {
            (v.source, v.choice, v.initial)
            for v in self.state().votes
            if v.task_id == task and v.label is not None
        }

    def old(self, task):
        """Return the old label of a task as a vote, and another class."""
        (mine,) = [v for v in self.said(task) if v[2]]
        return mine, next(name for name in CLASSES if name != mine[1])
