"""Detaching gives the project back, against Label Studio's own rules."""

import pytest
from relabel.errors import (
    NotReadyError,
)
from relabel.service.setup.detach import detach
from relabel.storage.database import reading
from relabel.storage.projects import list_projects
from wiring import (
    connect_project,
    deliver,
    publish_round,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.mark.parametrize("rounds", [0, 1, 2])
@pytest.mark.parametrize("before", [{}, {"maximum_annotations": 3, "sampling": "Uniform sampling"}])
def test_detaching_gives_everything_back(context, fake, rounds, before):
    number = fake.add_project(["cat", "dog", "bird", "cat", None])
    fake.set_project(number, **before)
    earlier = fake.picture(number)
    connect_project(context, number)
    for _ in range(rounds):
        publish_round(context, number, {min(fake.tasks): 0.9})
    assert rounds == 0 or fake.picture(number) != earlier
    assert detach(context, number)
    assert fake.picture(number) == earlier
    with reading(context.engine) as connection:
        assert list_projects(connection) == []
    assert not context.folder(number).exists()


def test_detaching_keeps_what_people_did(context, fake, connected):
    number = connected(["cat", "dog", None])
    first, _, unlabelled = fake.tasks
    publish_round(context, number, {first: 0.9})
    fake.annotate(fake.next_task(1), 1, "dog")
    fake.annotate(unlabelled, 1, "cat")
    deliver(context, fake)
    votes = fake.votes(number)
    detach(context, number)
    assert fake.votes(number) == votes
    assert fake.open_tasks(number) == [], "nobody is asked for the same label again"


def test_a_live_model_of_somebody_else_is_given_back(context, fake):
    number = fake.add_project(["cat", "dog"])
    other = {"id": 77, "project": number, "url": "http://other", "title": "theirs"}
    fake.backends[77] = other
    fake.set_project(number, model_version="theirs")
    connect_project(context, number)
    publish_round(context, number, {})
    detach(context, number)
    assert fake.projects[number]["model_version"] == "theirs"
    assert fake.backends == {77: other}


def test_detaching_what_is_not_connected_says_so(context, fake):
    with pytest.raises(NotReadyError, match="not connected"):
        detach(context, fake.add_project(["cat"]))
