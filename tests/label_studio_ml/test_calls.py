"""Under every server the same calls have the same answers: `relabel serve`, 1.0.9 and 2.x.

`pytest -s -k table` prints every call with what each server answers.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_label_studio import CONFIG
from ml_calls import CALLS, GUARDED, PASSWORD, SCORES, TASKS, TOKEN, VERSION, P
from ml_environments import SERVERS, programs, variables
from relabel.storage.annotations import list_annotations
from relabel.storage.database import connect, reading
from relabel.storage.journal.events import unhandled
from relabel.storage.projects import Project, get_project, save_project, token_digest
from relabel.storage.rounds import RoundState, finish_round, set_round, start_round
from relabel.storage.tasks import Task, list_tasks, save_tasks, set_scores
from store_template import SqliteTemplate, store_template_in
from wiring import make_settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "not __import__('store_template').SQLITE",
        reason="the servers find their store by its folder",
    ),
]

ALL = CALLS | GUARDED
REFUSED = [
    name
    for name, call in CALLS.items()
    if call.path == "/setup" and call.status == 400 and not call.reason.startswith("body.")
]
"""Setups whose labelling config or extra params cannot be used."""
DRIVER = Path(__file__).parent / "ml_server.py"


class Server:
    """A server with a store of its own, in which project 31 has a published round."""

    def __init__(self, name, folder, template):
        self.name, self.folder = name, folder
        template.copy_for(folder / "data")
        self.settings = make_settings(folder)
        self.engine = connect(self.settings.database())
        with self.engine.begin() as connection:
            fill(connection)
        self.told = self.answers_to(CALLS)
        self.project, self.votes, self.tasks, self.actions = self.stored()
        guarded = self.answers_to(GUARDED, BASIC_AUTH_USER=PASSWORD[0], BASIC_AUTH_PASS=PASSWORD[1])
        self.answers = dict(zip(ALL, self.told["answers"] + guarded["answers"], strict=True))

    def answers_to(self, calls, **environment):
        done = subprocess.run(
            [programs(self.name) / "python", DRIVER, self.application()],
            input=json.dumps([call.request() for call in calls.values()]),
            env=variables(self.folder, **environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def application(self):
        return "own app" if self.name == "own app" else "label-studio-ml"

    def stored(self):
        with reading(self.engine) as connection:
            votes = [a.annotation_id for a in list_annotations(connection, P)]
            tasks, actions = sorted(list_tasks(connection, P)), unhandled(connection, P)[2]
            return get_project(connection, P), votes, tasks, actions


def fill(connection):
    before = "2026-03-02T00:00:00.000000Z"
    digest = token_digest(TOKEN)
    save_project(connection, Project(P, "", "Pets", CONFIG, "", before, {}, webhook_digest=digest))
    save_tasks(connection, P, [Task(i, f"/{i}.png", 2, False, "", 1, True) for i in TASKS])
    current = start_round(connection, P, {}, "abc")
    set_round(connection, current.id, artifact="round-1.npz")
    finish_round(connection, current.id, RoundState.PUBLISHED)
    set_scores(connection, P, SCORES)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Return a server by its name; each is asked once."""
    asked = {}
    with store_template_in(tmp_path_factory.mktemp("empty")) as template:
        assert isinstance(template, SqliteTemplate)

        def server(name):
            if name not in asked:
                asked[name] = Server(name, tmp_path_factory.mktemp("server"), template)
            return asked[name]

        yield server
    for one in asked.values():
        one.engine.dispose()


@pytest.fixture(params=SERVERS)
def server(request, servers):
    return servers(request.param)


@pytest.mark.parametrize("name", ALL)
def test_a_call_is_answered(server, name):
    wanted, (status, body) = ALL[name], server.answers[name]
    assert status.startswith(str(wanted.status)), (status, body)
    assert wanted.reason in str(body)
    assert {key: body.get(key) for key in wanted.answer} == wanted.answer


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_setup_says_why_where_label_studio_looks(server, name):
    wanted, (status, _) = CALLS[name], server.answers[name]
    assert wanted.reason in status


def test_pressing_retrieve_predictions_adds_nothing_however_often(server):
    """Label Studio asks for the tasks without a prediction of the version that /setup names."""
    stored = [(task, VERSION) for task in TASKS]  # as the round wrote them
    for _ in range(3):
        version = server.answers["setup"][1]["model_version"]
        missing = [i for i, task in enumerate(TASKS) if (task, version) not in stored]
        answered = server.answers["predict"][1]["results"]
        stored += [(TASKS[i], answered[i]["model_version"]) for i in missing]
    assert len(stored) == len(TASKS)


def test_what_was_told_reached_the_store(server):
    assert json.loads(server.project.extra_params) == {"window": 6}
    assert server.project.train_requested
    assert server.votes == [9]
    assert server.tasks == [401, 402, 403]
    wanted = {"ANNOTATION_CREATED", "TASKS_DELETED", "START_TRAINING", "RECONCILE"}
    assert wanted <= server.actions


def test_no_server_loads_torch(server):
    """That would be 460 MB for nothing: rounds have a process of their own."""
    assert not server.told["torch"]


def test_the_table_of_all_calls(servers):
    rows = []
    for name in SERVERS:
        try:
            rows.append([servers(name).answers[call][0].split()[0] for call in ALL])
        except pytest.skip.Exception:
            rows.append(["not installed"] * len(ALL))
    lines = [f"| call | {' | '.join(SERVERS)} |", "|---|---|---|---|"]
    lines += [f"| {call} | {' | '.join(row)} |" for call, *row in zip(ALL, *rows, strict=True)]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    for call, *answers in zip(ALL, *rows, strict=True):
        assert set(answers) <= {str(ALL[call].status), "not installed"}, call
