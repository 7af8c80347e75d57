"""The doctor's check of the device that rounds compute on, tried in a process of its own."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass

from relabel.errors import ConfigurationError
from relabel.settings import rounds_environment

SECONDS = 120.0
"""Longest wait for a trial; loading torch from a slow disk takes most of it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial found out of a device.

    device: as torch calls it. name: of the card, or the same. images_per_second: of 32 x 32 pixels
    that training of a small network takes in. epochs: of such a training in a round.
    """

    device: str
    name: str
    images_per_second: float
    epochs: int

    def seconds(self, tasks: int) -> float:
        """Return how long training of that network takes in a round of so many tasks."""
        return tasks * self.epochs / self.images_per_second


def try_in_process(device: str) -> Tried:
    """Embed and train on a torch device as a round would, only little; return what was found.

    A driver that takes the process down takes nothing else with it, and this one never imports
    torch.

    Raises:
        ConfigurationError: a round would fail on it; says why and what to set.
    """
    command = [sys.executable, "-m", "relabel.learning.trial", device]
    try:
        done = subprocess.run(  # noqa: S603  ourselves and a checked setting
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=rounds_environment(),
        )
    except subprocess.TimeoutExpired:
        raise _useless(device, f"no answer within {SECONDS:g} s") from None
    if done.returncode < 0:
        raise _useless(device, f"{_name(-done.returncode)} ended the process that tried it")
    told = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    if done.returncode:
        raise _useless(device, told[-1].strip() if told else "no reason was given")
    return Tried(**json.loads(told[-1]))


def _useless(device: str, why: str) -> ConfigurationError:
    remedy = (
        "install relabel with its dependencies anew"
        if device == "cpu"
        else "set RELABEL_DEVICE=cpu, or install the driver and a build of torch for this device; "
        "if rounds run on another machine, run the doctor there"
    )
    return ConfigurationError(
        f"RELABEL_DEVICE = {device}: no round can run on it ({why}); {remedy}"
    )


def _name(number: int) -> str:
    """Return the name of a signal; a real-time one has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
