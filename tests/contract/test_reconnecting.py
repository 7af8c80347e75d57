"""Connecting again changes what connecting owns, and nothing that was wished meanwhile."""

import httpx
import pytest
from relabel.errors import LabelStudioError, NotReadyError
from relabel.service.commands import ask_for_round, pause
from relabel.service.setup.connect import connect, plan_connect
from relabel.service.setup.detach import detach
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from wiring import connect_project, publish_round


def project_of(context, number):
    with reading(context.engine) as connection:
        return get_project(connection, number)


def wish(context, number):
    """Press two buttons, while somebody reads what connecting will do or while it is done."""
    pause(context.engine, number)
    ask_for_round(context.engine, number)


def test_what_was_wished_between_plan_and_answer_stays(context, connected):
    number = connected(["cat", "dog", "bird"])
    plan = plan_connect(context, number, "window = 3")
    wish(context, number)
    connect(context, plan)
    project = project_of(context, number)
    assert project.paused
    assert project.train_requested
    assert project.extra_params == "window = 3"


def test_what_was_wished_while_connecting_failed_stays(context, fake, connected):
    number = connected(["cat", "dog", "bird"])
    plan = plan_connect(context, number, "window = 3")

    def away(request):
        if request.method == "POST" and request.url.path == "/api/webhooks/":
            wish(context, number)
            return httpx.Response(403, json={"detail": "no"})
        return None

    fake.intercept = away
    with pytest.raises(LabelStudioError):
        connect(context, plan)
    fake.intercept = lambda _request: None
    project = project_of(context, number)
    assert project.paused
    assert project.train_requested
    assert project.extra_params == ""


def test_a_project_that_two_people_connect_at_once_begins_once(context, fake):
    """Both planned while nobody knew it; what is new began with the first of them."""
    number = fake.add_project(["cat", "dog", "bird"])
    before = fake.picture(number)["project"]
    first, second = plan_connect(context, number), plan_connect(context, number)
    connect(context, first)
    known = project_of(context, number)
    publish_round(context, number, {})
    fake.annotate(min(fake.tasks), 1, "dog")
    connect(context, second)
    project = project_of(context, number)
    assert (project.connected_at, project.before) == (known.connected_at, known.before)
    detach(context, number)
    assert fake.picture(number)["project"] == before


def test_a_project_that_was_detached_meanwhile_is_not_connected_by_an_old_plan(context, fake):
    """It holds settings of before, of which nobody knows whether they still are."""
    number = fake.add_project(["cat", "dog", "bird"])
    connect_project(context, number)
    plan = plan_connect(context, number)
    detach(context, number)
    fake.requests.clear()
    with pytest.raises(NotReadyError, match="was detached since"):
        connect(context, plan)
    assert fake.writes() == []
    connect(context, plan_connect(context, number))
