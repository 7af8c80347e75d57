"""The steps that lead to a project whose queue is sorted; each does only what is still missing."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np

from relabel.demo import accounts, digits, upload
from relabel.demo.annotators import poll
from relabel.demo.servers.backend import Backend
from relabel.demo.state import DemoState
from relabel.errors import NotReadyError
from relabel.files import write_file
from relabel.types import Progress

TITLE = "Digits with wrong labels"
NOISE_RATE = 0.2
SEED = 20
ROUND_SECONDS = 900.0
ROUND_STARTS_SECONDS = 10.0


def create_accounts(admin: httpx.Client, state: DemoState, wanted: int) -> None:
    """Make sure that there are so many annotators, and the technical user of the old labels."""
    for number in range(len(state.annotators) + 1, wanted + 1):
        email = f"annotator{number}@example.com"
        name = ("Annotator", str(number))
        state.annotators.append(accounts.sign_up(admin, email, accounts.new_password(), name))
        state.save()
    if not state.original_labels:
        email = "original.labels@example.com"
        state.original_labels = accounts.technical_user(admin, email, accounts.ORIGINAL_LABELS)
        state.save()


def fill_project(admin: httpx.Client, state: DemoState, truth: Path, progress: Progress) -> None:
    """Create the project with all its images and old labels; write the truth to a file beside.

    An attempt that did not end is thrown away and made again: half a project is of no use.
    """
    if state.project:
        return
    data = digits.load(NOISE_RATE, np.random.default_rng(SEED))
    write_file(truth, json.dumps(data.truth_by_name()))
    project = upload.create_project(admin, TITLE)
    upload.upload_digits(admin, project, data, labelled_by=state.original_labels, progress=progress)
    state.project = project
    state.save()


def connect(backend: Backend, state: DemoState) -> None:
    """Connect the project to the backend at its present address."""
    if state.connected_to != backend.url:
        backend.run("connect", "--project", str(state.project), "--yes")
        state.connected_to = backend.url
        state.save()


def await_rounds(backend: Backend, project: int, wanted: int, say: Callable[[str], None]) -> None:
    """Wait until so many rounds are done; ask for one if the worker does not start it by itself.

    Args:
        backend: The running backend.
        project: Project id.
        wanted: Rounds that must have been published.
        say: Told each stage that a running round enters.

    Raises:
        NotReadyError: It took too long.
    """
    stages = [""]

    def started() -> bool:
        status = backend.status(project)
        return int(status["rounds"]) >= wanted or bool(status["round_running"])

    def done() -> bool:
        status = backend.status(project)
        stage = (status["round_running"] or {}).get("stage", "")
        if stage and stage != stages[-1]:
            stages.append(stage)
            say(stage)
        return int(status["rounds"]) >= wanted

    if not poll(started, seconds=ROUND_STARTS_SECONDS, every=0.2):
        backend.run("round", "--project", str(project))
    if not poll(done, seconds=ROUND_SECONDS, every=0.2):
        raise NotReadyError(
            f"Round {wanted} was not done within {ROUND_SECONDS:.0f} s; "
            f"see {backend.data / 'server.log'}."
        )
