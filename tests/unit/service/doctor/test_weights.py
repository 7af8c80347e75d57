"""Whether an encoder's weights can be had is told before the first round needs them."""

import contextlib
import io
from dataclasses import replace
from email.message import Message
from types import SimpleNamespace
from urllib.error import HTTPError, URLError

import pytest
from relabel.cli import setup
from relabel.errors import NotReadyError
from relabel.service.connected import policy_of
from relabel.service.doctor.checkup import examine_project
from relabel.service.doctor.weights import examine_weights
from relabel.service.setup import own_address
from relabel.service.setup.connect import plan_connect
from typer.testing import CliRunner

RESNET = "encoder = 'resnet18'"
ADDRESS = "https://download.pytorch.org/models/resnet18-f37072fd.pth"


class Hub:
    """Stands for the machine that has the weights: answers, or fails in some way."""

    def __init__(self, error=None, size=46_830_571):
        self.error, self.size, self.asked = error, size, []

    def __call__(self, request, timeout):
        assert timeout <= 10
        self.asked.append((request.get_method(), request.full_url))
        if self.error:
            raise self.error
        return contextlib.nullcontext(SimpleNamespace(headers={"Content-Length": str(self.size)}))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Torch's folder, in which nothing is yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def doctor(context, number, hub):
    found = examine_project(replace(context, hub=hub), number)
    return {f.check: f for f in found}["encoder"]


FAILURES = {
    "no network": (URLError("[Errno -3] Temporary failure in name resolution"), "name resolution"),
    "a proxy in the way": (
        HTTPError(ADDRESS, 407, "Proxy Authentication Required", Message(), io.BytesIO()),
        "it answers 407",
    ),
    "too slow": (TimeoutError("timed out"), "timed out"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_the_doctor_says_what_to_do_where_weights_cannot_be_had(context, connected, kind, cache):
    number = connected(["cat", "dog"], params=RESNET)
    error, text = FAILURES[kind]
    finding = doctor(context, number, Hub(error))
    assert not finding.ok
    for part in (text, ADDRESS, str(cache), 'encoder = "tiny"', "47 MB"):
        assert part in finding.text


def test_a_page_that_answers_in_place_of_the_file_is_no_file(context, connected):
    number = connected(["cat", "dog"], params=RESNET)
    finding = doctor(context, number, Hub(size=2_000))
    assert not finding.ok
    assert "another machine answers" in finding.text


def test_weights_that_can_be_downloaded_are_told_with_their_size(context, connected):
    number = connected(["cat", "dog"], params=RESNET)
    hub = Hub()
    finding = doctor(context, number, hub)
    assert finding.ok
    assert f"the first round downloads the weights of 'resnet18': 47 MB from {ADDRESS}" in (
        finding.text
    )
    assert hub.asked == [("HEAD", ADDRESS)]


@pytest.mark.parametrize(
    ("params", "ok", "text"),
    [
        ("encoder = 'tiny'", True, "needs no weights"),
        (RESNET, True, "are here"),
        ("encoder = 'dinov2_vits14'", False, "has no weights in torchvision's registry"),
        (f"{RESNET}\nencoder_weights = 'gone.pth'", False, "encoder_weights = gone.pth: "),
        (f"{RESNET}\nencoder_weights = 'FILE'", True, "are read from"),
    ],
)
def test_what_is_here_or_needs_a_file_asks_nobody(context, cache, params, ok, text):
    file = cache / "resnet18-f37072fd.pth"
    file.touch()
    hub = Hub(AssertionError("asked"))
    finding = examine_weights(policy_of(context.settings, params.replace("FILE", str(file))), hub)
    assert (finding.ok, text in finding.text) == (ok, True), finding.text


def connect(context, number, hub, *arguments, monkeypatch, url="http://localhost:9090"):
    """Run the command as somebody would, with the backend at `url` answering."""
    settings = context.settings.model_copy(update={"url": url})
    here = replace(context, settings=settings, hub=hub)
    monkeypatch.setattr(setup, "opened", lambda **_: contextlib.nullcontext(here))
    monkeypatch.setattr(own_address, "ask_own_address", lambda _: "")
    import typer

    app = typer.Typer()
    app.command()(setup.connect)
    return CliRunner().invoke(app, ["--project", str(number), "--params", RESNET, *arguments])


def test_a_dry_run_says_what_will_be_downloaded_and_how_large_it_is(context, fake, monkeypatch):
    number = fake.add_project(["cat", "cat", "dog", "dog"])
    done = connect(context, number, Hub(), "--dry-run", monkeypatch=monkeypatch)
    assert done.exit_code == 0, done.output
    assert f"downloads the weights of 'resnet18': 47 MB from {ADDRESS}" in flat(done.output)
    assert fake.writes() == []


def test_connecting_is_refused_where_the_first_round_would_fail(context, fake, monkeypatch):
    number = fake.add_project(["cat", "cat", "dog", "dog"])
    offline = Hub(FAILURES["no network"][0])
    done = connect(context, number, offline, "--yes", monkeypatch=monkeypatch)
    assert isinstance(done.exception, NotReadyError)
    assert str(done.exception).startswith(
        "Nothing was written: the weights of 'resnet18' are not in "
    )
    assert fake.writes() == []
    done = connect(context, number, offline, "--dry-run", monkeypatch=monkeypatch)
    assert done.exit_code == 0
    assert "Warning: the weights of 'resnet18' are not in" in flat(done.output)


def test_a_backend_on_another_machine_may_have_what_this_one_has_not(context, fake, monkeypatch):
    number = fake.add_project(["cat", "cat", "dog", "dog"])
    offline = Hub(FAILURES["no network"][0])
    done = connect(
        context, number, offline, "--yes", monkeypatch=monkeypatch, url="http://relabel.test:9090"
    )
    assert "Warning: the weights of" in flat(done.output)
    assert plan_connect(context, number).project.backend_id is not None


def flat(text):
    return " ".join(text.split())
