import sys
from pathlib import Path

import pytest

# Tests are no packages: what several folders share is found by its folder.
sys.path.insert(0, str(Path(__file__).parents[2] / "contract"))

from served import BACKEND, served
from wiring import connected, context, fake, running, store_template

__all__ = ["connected", "context", "fake", "running", "store_template"]


@pytest.fixture
def backend_here():
    """The address of a server that answers as `relabel serve` does."""
    with served(BACKEND) as url:
        yield url
