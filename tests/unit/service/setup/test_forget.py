"""Forgetting a project: only what is gone from Label Studio, unless somebody insists."""

import httpx
import pytest
import stamina
from relabel.errors import LabelStudioDownError, NotReadyError
from relabel.service.setup.forget import forget
from relabel.storage.database import reading
from relabel.storage.projects import find_project
from wiring import connect_project, publish_round


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def living(fake, context, connected):
    """A connected project with one round."""
    number = connected(["cat", "dog", "bird"])
    publish_round(context, number, {min(fake.tasks): 0.9})
    fake.requests.clear()
    return number


def is_known(context, number):
    with reading(context.engine) as connection:
        return find_project(connection, number) is not None


def test_a_living_project_is_refused_with_what_it_still_carries(context, fake, living):
    before = fake.picture(living)
    with pytest.raises(NotReadyError) as refused:
        forget(context, living)
    text = str(refused.value)
    for words in (
        f"Project {living} (Project {living}) still exists in Label Studio",
        "the ML backend, 2 webhooks, the tab and the predictions of 1 round",
        f"relabel detach --project {living}",
        "--force",
    ):
        assert words in text, text
    assert is_known(context, living)
    assert fake.picture(living) == before
    assert fake.writes() == []


@pytest.mark.parametrize("kept", ["backends", "webhooks", "views", "predictions"])
def test_one_trace_is_enough_to_refuse(context, fake, living, kept):
    for name in {"backends", "webhooks", "views", "predictions"} - {kept}:
        getattr(fake, name).clear()
    with pytest.raises(NotReadyError, match="relabel detach"):
        forget(context, living)


def test_insisting_forgets_a_living_project_and_leaves_it_as_it_is(context, fake, living):
    before = fake.picture(living)
    said = forget(context, living, force=True)
    assert not is_known(context, living)
    assert not context.folder(living).exists()
    assert fake.picture(living) == before
    assert any("its settings were not restored" in line for line in said)


def test_a_project_that_is_gone_is_forgotten_with_what_was_known_of_it(context, fake, living):
    fake.delete_project(living)
    said = forget(context, living)
    assert not is_known(context, living)
    assert not context.folder(living).exists()
    assert "forgot 3 tasks, 3 annotations and 1 round" in said[0], said


def test_a_number_that_was_given_to_another_project_counts_as_gone(context, fake, living):
    fake.projects[living]["created_at"] = "2030-01-01T00:00:00.000000Z"
    fake.projects[living]["title"] = "Another"
    said = forget(context, living)
    assert not is_known(context, living)
    assert "'Another'" in said[-1], said


def test_a_project_that_carries_nothing_of_ours_any_more_is_forgotten(context, fake, living):
    for things in (fake.backends, fake.webhooks, fake.views, fake.predictions):
        things.clear()
    forget(context, living)
    assert not is_known(context, living)


@pytest.mark.parametrize("status", [503, 401])
def test_without_an_answer_nobody_knows_whether_it_is_gone(context, fake, living, status):
    fake.intercept = lambda _request: httpx.Response(status, json={"detail": "no"})
    with pytest.raises(NotReadyError, match=r"nobody knows whether .* still exists.*--force"):
        forget(context, living)
    assert is_known(context, living)
    forget(context, living, force=True)
    assert not is_known(context, living)


def test_a_project_that_was_never_connected_is_named(context, fake):
    fake.intercept = lambda _request: pytest.fail("nothing is asked about it")
    with pytest.raises(NotReadyError, match="Project 7 is not connected"):
        forget(context, 7)


def test_traces_at_the_address_of_connecting_are_found_from_anywhere(context, living):
    """The shell in which people type may not know RELABEL_URL."""
    here = context.settings.model_copy(update={"url": ""})
    elsewhere = type(context)(here, context.engine, context.label_studio)
    with pytest.raises(NotReadyError, match="the ML backend, 2 webhooks, the tab"):
        forget(elsewhere, living)


def test_a_forgotten_project_can_be_connected_again(context, fake, living):
    forget(context, living, force=True)
    connect_project(context, living)
    assert is_known(context, living)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]


def test_label_studio_going_away_half_way_forgets_nothing(context, fake, living):
    fake.intercept = lambda request: (
        httpx.Response(503) if request.url.path == "/api/webhooks/" else None
    )
    with pytest.raises((NotReadyError, LabelStudioDownError)):
        forget(context, living)
    assert is_known(context, living)
