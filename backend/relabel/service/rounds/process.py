"""The process that runs one round: how it is started, and how it is left."""

import logging
import os
import subprocess
import sys

from relabel.settings import rounds_environment


def run_in_process(number: int) -> None:
    """Run a round of a project, if one is due, in a process of its own, and wait for its end.

    Killed or out of memory, it takes nothing else with it, and neither web nor worker ever imports
    torch.
    """
    command = [sys.executable, "-m", "relabel", "round", "--project", str(int(number)), "--due"]
    subprocess.run(command, check=False, env=rounds_environment())  # noqa: S603  ourselves and a number


def leave() -> None:
    """End this process at once, whatever its other threads are at: no round needs to end well."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(1)
