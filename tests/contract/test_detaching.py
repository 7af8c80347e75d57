"""A project that is being detached is nobody else's any more, wherever detaching is killed."""

import pytest
from kills import Killed, killed_at
from relabel.errors import NotReadyError
from relabel.service.export.export import write_back
from relabel.service.queue.publish import publish
from relabel.service.queue.undo import undo_run
from relabel.service.setup.detach import detach
from relabel.service.sync.sweep import forget_sweeps, sweep, sweep_project
from relabel.storage.database import reading
from relabel.storage.projects import find_project
from relabel.types import silent
from wiring import claim_round, connect_project, deliver, judge, publish_round


@pytest.fixture
def attach(context, fake):
    """Return a function that connects a project and opens tasks: attach() -> number, picture."""
    number = fake.add_project(["cat", "dog", "bird", "cat"])
    before = fake.picture(number)

    def attach():
        connect_project(context, number, "window = 2")
        publish_round(context, number, {})
        deliver(context, fake)
        return number, before

    return attach


def killed_while_detaching(context, fake, number, moment):
    """Detach until killed; return whether that happened before its end."""
    try:
        with killed_at(context, fake, moment):
            detach(context, number)
    except Killed:
        return True
    return False


def project_of(context, number):
    with reading(context.engine) as connection:
        return find_project(connection, number)


@pytest.mark.slow
def test_killed_at_any_write_repeating_it_gives_the_project_back_all_the_same(
    context, fake, attach
):
    """Though a worker looks in between."""
    moment, killed = 0, True
    while killed:
        number, before = attach()
        killed = killed_while_detaching(context, fake, number, moment)
        forget_sweeps(context)
        sweep(context)
        if project_of(context, number):
            detach(context, number)
        assert fake.picture(number) == before, f"killed at moment {moment}"
        moment += 3  # before and after writes in turn
    assert moment > 20


@pytest.mark.slow
def test_what_is_half_detached_is_left_alone_until_somebody_goes_on(context, fake, attach):
    """By workers and by a round that was on its way."""
    number, before = attach()
    for person in (1, 2):  # so that there is something to write back
        fake.annotate(min(fake.tasks), person, "dog")
    deliver(context, fake)
    current = claim_round(context, number)
    result = judge(context, number, current, {})
    moment = 0
    while not project_of(context, number).cut_off:
        assert killed_while_detaching(context, fake, number, moment)
        moment += 1
    fake.requests.clear()
    forget_sweeps(context)
    sweep(context)
    project = project_of(context, number)
    for work in (
        lambda: publish(context, current, result, {}, silent),
        lambda: sweep_project(context, project),
        lambda: undo_run(context, number, "round-1"),
        lambda: write_back(context, number),
    ):
        with pytest.raises(NotReadyError, match="is being connected or detached"):
            work()
    assert fake.writes() == []
    detach(context, number)
    assert fake.picture(number)["project"] == before["project"]


def test_a_project_that_is_connected_again_meanwhile_stays_connected(context, attach, monkeypatch):
    number, _ = attach()

    def connect_meanwhile(*_args):
        connect_project(context, number)
        return []

    monkeypatch.setattr("relabel.service.setup.detach.changed_tasks", connect_meanwhile)
    with pytest.raises(NotReadyError, match="was connected again while it was being detached"):
        detach(context, number)
    assert not project_of(context, number).cut_off


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "state"),
    [
        pytest.param(["cat", "dog", "bird", "cat"], "COMPLETED", id="all are labelled"),
        pytest.param(["cat", "dog", "bird", None, None], "IN_PROGRESS", id="one never was"),
    ],
)
def test_the_state_of_a_project_is_that_of_its_tasks_though_a_vote_met_others_open(
    context, fake, labels, state
):
    number = fake.add_project(labels)
    fake.projects[number]["state"] = "COMPLETED"
    connect_project(context, number, "window = 2")
    publish_round(context, number, {})
    fake.annotate(fake.open_tasks(number)[-1], 1, "cat")
    deliver(context, fake)
    assert fake.projects[number]["state"] == "IN_PROGRESS"
    detach(context, number)
    assert fake.projects[number]["state"] == state
