"""What annotators are called: asked of Label Studio, kept a while, never worth a failed page."""

import httpx
import pytest
from relabel.labelstudio.client import LabelStudio
from relabel.service.insight.names import FAILED_SECONDS, FRESH_SECONDS, Names, called, names_of
from relabel.settings import Settings


def user(number, first="", last="", email=""):
    return {"id": number, "first_name": first, "last_name": last, "email": email}


@pytest.mark.parametrize(
    ("users", "names"),
    [
        ([user(2, "Ada", "Byron", "a@x.org")], {"2": "Ada Byron"}),
        ([user(2, "Ada", "", "a@x.org")], {"2": "Ada"}),
        ([user(2, email="a@x.org")], {"2": "a@x.org"}),
        ([user(2)], {}),
        (
            [user(2, "Ada", "", "a@x.org"), user(3, "Ada", "", "b@x.org")],
            {"2": "Ada (a@x.org)", "3": "Ada (b@x.org)"},
        ),
    ],
)
def test_people_are_called_by_name_or_mail_and_told_apart(users, names):
    assert names_of(users) == names


def test_whoever_has_no_name_goes_by_what_is_known():
    assert called("2", {"2": "Ada"}) == "Ada"
    assert called("7", {"2": "Ada"}) == "user 7 (gone from Label Studio)"
    assert called("7", {}) == "user 7"
    assert called("predictions:yolo-3", {"2": "Ada"}) == "predictions:yolo-3"


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("relabel.service.insight.names.time.monotonic", lambda: now[0])
    return now


def names_from(answers):
    """Return Names whose Label Studio gives these answers, and what it was asked."""
    asked = []

    def answer(request):
        asked.append(request.url.path)
        return answers[0]

    client = LabelStudio("http://ls.test", "k" * 40, transport=httpx.MockTransport(answer))
    return Names(Settings(label_studio_api_key="k" * 40), client), asked


def test_names_are_asked_for_once_in_a_while(clock):
    names, asked = names_from([httpx.Response(200, json=[user(2, "Ada")])])
    for _ in range(3):
        assert names.get() == {"2": "Ada"}
    assert len(asked) == 1
    clock[0] += FRESH_SECONDS
    names.get()
    assert len(asked) == 2


@pytest.mark.parametrize("status", [401, 500])
def test_a_silent_label_studio_costs_one_request_and_takes_no_name_away(clock, status):
    answers = [httpx.Response(200, json=[user(2, "Ada")])]
    names, asked = names_from(answers)
    names.get()
    answers[0] = httpx.Response(status, text="no")
    clock[0] += FRESH_SECONDS
    for _ in range(3):
        assert names.get() == {"2": "Ada"}
    assert len(asked) == 2
    answers[0] = httpx.Response(200, json=[user(2, "Ada", "Byron")])
    clock[0] += FAILED_SECONDS
    assert names.get() == {"2": "Ada Byron"}
