"""Connecting, against Label Studio's own rules."""

import httpx
import pytest
from fake_label_studio import CONFIG
from relabel.errors import (
    ConfigurationError,
    LabelConfigError,
    LabelStudioError,
)
from relabel.labelstudio.contract import TAB_TITLE, settings_to_change
from relabel.service.setup.connect import connect, plan_connect
from relabel.storage.database import reading
from relabel.storage.projects import find_project, set_project
from wiring import (
    connect_project,
    make_context,
    state_of,
    writes,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_a_dry_run_writes_nothing(context, fake):
    number = fake.add_project(["cat", "dog"])
    plan = plan_connect(context, number)
    assert writes(fake) == []
    text = "\n".join(plan.steps)
    for words in (
        "read 2 tasks with 3 classes (cat, dog, bird)",
        "ML backend",
        "webhook",
        TAB_TITLE,
    ):
        assert words in text
    assert "set sampling from 'Sequential sampling' to 'Uncertainty sampling'" in text
    with reading(context.engine) as connection:
        assert find_project(connection, number) is None


def test_a_dry_run_of_a_connected_project_says_what_stays_and_what_moves(context, connected):
    number = connected(["cat", "dog"])
    text = "\n".join(plan_connect(context, number).steps)
    assert "keep the ML backend at http://relabel.test:9090" in text
    assert f"keep the tab {TAB_TITLE!r}" in text
    assert "instead of 2 webhooks" in text
    assert "set sampling" not in text
    settings = context.settings.model_copy(update={"url": "http://localhost:9090"})
    elsewhere = type(context)(settings, context.engine, context.label_studio)
    text = "\n".join(plan_connect(elsewhere, number).steps)
    assert (
        "move the ML backend from http://relabel.test:9090 to http://localhost:9090 (RELABEL_URL)"
        in text
    )


def test_connecting_sets_the_project_up_and_takes_old_labels_for_initial(context, fake, connected):
    number = connected(["cat", "dog", None])
    assert settings_to_change(fake.projects[number], "") == {}
    (backend,) = fake.backends.values()
    assert backend["url"] == "http://relabel.test:9090"
    hint, whole = fake.webhooks.values()
    assert {hint["url"], whole["url"]} == {"http://relabel.test:9090/webhook"}
    assert "ANNOTATION_CREATED" in hint["actions"]
    assert not hint["send_payload"], "the whole project with every annotation would take too long"
    assert "ANNOTATIONS_DELETED" in whole["actions"]
    assert whole["send_payload"]
    (view,) = fake.views.values()
    assert view["data"]["ordering"] == ["tasks:predictions_score"]
    state = state_of(context, number)
    assert state.counts.votes.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert state.initial.tolist() == [1, 1, 0]
    assert state.given.tolist() == [0, 1, -1]
    assert state.spent == 0


def test_the_webhook_carries_a_secret_that_is_stored_nowhere_else_and_no_password(
    tmp_path, fake, store_template
):
    context = make_context(
        tmp_path, fake, store_template, basic_auth_user="u", basic_auth_pass="the password"
    )
    number = fake.add_project(["cat", "dog"])
    connect_project(context, number)
    first, _ = fake.webhooks.values()
    connect_project(context, number)
    hook, other = fake.webhooks.values()
    assert hook["headers"] == other["headers"]
    assert list(hook["headers"]) == ["X-Relabel-Token"]
    assert len(hook["headers"]["X-Relabel-Token"]) >= 40
    assert hook["headers"] != first["headers"], "every connecting makes a new one"
    context.engine.dispose()
    for path in context.settings.data_dir.rglob("*"):
        if path.is_file():
            assert hook["headers"]["X-Relabel-Token"].encode() not in path.read_bytes()
            assert b"the password" not in path.read_bytes()
    context.close()


def test_connecting_again_repairs_and_doubles_nothing(context, fake, connected):
    number = connected(["cat", "dog"])
    fake.annotate(min(fake.tasks), 1, "dog")
    with context.engine.begin() as connection:
        set_project(connection, number, paused=True)
    fake.webhooks.clear()
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]
    state = state_of(context, number)
    assert state.spent == 1
    assert state.project.paused, "a paused project stays paused"


@pytest.mark.parametrize("path", ["/api/ml", "/api/webhooks/", "/api/dm/views/"])
def test_connecting_goes_on_where_it_failed(context, fake, path):
    number = fake.add_project(["cat", "dog"])

    def refuse(request):
        return (
            httpx.Response(403, json={"detail": "no"})
            if (request.method == "POST" and request.url.path == path)
            else None
        )

    fake.intercept = refuse
    with pytest.raises(LabelStudioError):
        connect_project(context, number)
    fake.intercept = lambda _request: None
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]
    assert state_of(context, number).initial.tolist() == [1, 1]


def test_what_label_studio_says_of_a_backend_is_told_as_it_is(context, fake):
    number = fake.add_project(["cat", "dog"])
    fake.intercept = lambda request: (
        httpx.Response(400, json={"detail": "health check failed"})
        if (request.method, request.url.path) == ("POST", "/api/ml")
        else None
    )
    with pytest.raises(LabelStudioError, match=r"Label Studio says: health check failed\."):
        connect_project(context, number)


def test_a_project_that_cannot_be_cleaned_is_refused_untouched(context, fake):
    number = fake.add_project(["cat"], config=CONFIG.replace("single-radio", "multiple"))
    with pytest.raises(LabelConfigError, match="single-radio"):
        plan_connect(context, number)
    with pytest.raises(ConfigurationError, match="windw"):
        plan_connect(context, number, "windw = 3")
    assert writes(fake) == []


def test_a_preset_whose_choice_the_project_does_not_have_is_refused_by_its_name(context, fake):
    number = fake.add_project(["cat", "dog"])
    with pytest.raises(LabelConfigError) as refused:
        plan_connect(context, number, 'preset = "medical"')
    text = str(refused.value)
    assert 'preset = "medical" lets people abstain by the choice "cannot tell"' in text
    assert '<Choice value="cannot tell"/>' in text
    with pytest.raises(LabelConfigError) as refused:
        plan_connect(context, number, 'cannot_tell = "unsure"')
    assert "preset" not in str(refused.value)
    plan_connect(context, number, 'preset = "medical"\ncannot_tell = ""')
    with_choice = CONFIG.replace("</Choices>", '<Choice value="cannot tell"/></Choices>')
    fake.set_project(number, label_config=with_choice)
    assert plan_connect(context, number, 'preset = "medical"').schema.classes[-1] == "bird"


def test_a_plan_may_be_carried_out_later(context, fake):
    """What changed meanwhile is read again."""
    number = fake.add_project(["cat", "dog"])
    plan = plan_connect(context, number)
    fake.add_tasks(number, ["bird"])
    connect(context, plan)
    assert len(state_of(context, number).tasks) == 3
