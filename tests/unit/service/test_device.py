"""The doctor tries the device of the rounds, and outlives whatever a driver does."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from relabel.learning import trial
from relabel.service import device
from relabel.service.device import try_in_process
from relabel.service.doctor.health import examine_server
from wiring import connect_project


def device_line(context, device):
    """Return what the doctor says with RELABEL_DEVICE = `device`."""
    settings = context.settings.model_copy(update={"device": device})
    tried = replace(context, settings=settings, trial=try_in_process)
    return {finding.check: finding for finding in examine_server(tried)}["device"]


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Return a function that makes a shell's commands what runs in place of Python."""

    def become(commands):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{commands}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return become


@pytest.mark.slow
def test_a_device_that_is_there_embeds_and_trains(context):
    found = device_line(context, "cpu")
    assert found.ok, found.text
    speed = (
        r"cpu: it embeds and trains\. .* takes in [\d,]+ images a second: about \d+ \w+ in a round"
    )
    assert re.match(speed, found.text), found.text


@pytest.mark.slow
def test_a_device_that_is_not_there_is_told_with_key_value_cause_and_remedy(context, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = device_line(context, "cuda")
    assert not found.ok
    assert found.text.startswith("RELABEL_DEVICE = cuda: no round can run on it (")
    assert "NVIDIA" in found.text or "CUDA" in found.text
    assert "set RELABEL_DEVICE=cpu, or install the driver" in found.text
    assert "\n" not in found.text


def found_on(name, speed):
    """Return what a trial prints of a card."""
    facts = {"device": "cuda", "name": name, "images_per_second": speed, "epochs": 30}
    return f"echo '{json.dumps(facts)}'"


def test_a_card_is_told_by_its_name(context, python):
    python(found_on("NVIDIA H200", 30_000.0))
    text = device_line(context, "auto").text
    assert text.startswith("auto, cuda, NVIDIA H200: it embeds and trains.")
    assert "30,000 images a second" in text


@pytest.mark.parametrize(
    ("speed", "takes"),
    [(600_000.0, "about 1 s"), (3_000.0, "about 100 s"), (240.0, "21 minutes"), (20.0, "4 hours")],
)
def test_a_speed_is_told_as_the_time_of_a_round(context, python, speed, takes):
    python(found_on("a card", speed))
    text = device_line(context, "cuda").text
    assert f"{takes} in a round of the 10,000 tasks;" in text


def test_the_time_of_a_round_is_that_of_the_largest_project(context, fake, python):
    for size in (3, 5):
        number = fake.add_project(["cat", "dog"] * size)
        connect_project(context, number)
    python(found_on("a card", 10.0))
    assert f"about 30 s in a round of the 10 tasks of project {number}" in (
        device_line(context, "cuda").text
    )


@pytest.mark.slow
def test_a_trial_is_over_in_seconds(monkeypatch):
    """What is measured longer than a step is measured for a fixed time."""
    steps = []
    monkeypatch.setattr(
        trial, "_seconds_per_step", lambda _d, _i, count: steps.append(count) or 0.01
    )
    assert trial.training_speed("cpu", np.zeros((128, 8, 8, 3), dtype=np.uint8)) == 12_800
    assert steps == [2, 1 + round(trial.SECONDS / 0.01)]
    steps.clear()
    monkeypatch.setattr(
        trial, "_seconds_per_step", lambda _d, _i, count: steps.append(count) or 9.0
    )
    trial.training_speed("cpu", np.zeros((128, 8, 8, 3), dtype=np.uint8))
    assert steps == [2]


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        ("kill -SEGV $$", "SIGSEGV ended the process"),
        ("kill -KILL $$", "SIGKILL ended the process"),
        ("exec sleep 60", "no answer within 0.5 s"),
        ("exit 3", "no reason was given"),
        ("printf 'Traceback:\\nOSError: libcuda.so.1\\n' >&2; exit 1", "OSError: libcuda.so.1"),
    ],
)
def test_a_driver_that_fails_takes_only_the_trial_with_it(
    context, python, monkeypatch, commands, why
):
    monkeypatch.setattr(device, "SECONDS", 0.5 if "sleep" in commands else 30.0)
    python(commands)
    found = device_line(context, "mps")
    assert not found.ok
    assert f"RELABEL_DEVICE = mps: no round can run on it ({why}" in found.text


def test_without_torch_the_remedy_is_to_install_it(context, python):
    python("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1")
    text = device_line(context, "cpu").text
    assert "No module named 'torch'); install relabel with its dependencies anew" in text


@pytest.mark.slow
def test_the_doctor_itself_never_imports_torch():
    program = "import relabel.service.doctor.checkup, sys; print('torch' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
