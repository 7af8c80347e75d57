import pytest
import stamina
from served import BACKEND, served
from wiring import connected, context, fake, running, store_template

__all__ = ["connected", "context", "fake", "running", "store_template"]


@pytest.fixture
def backend_here():
    """The address of a server that answers as `relabel serve` does."""
    with served(BACKEND) as url:
        yield url


@pytest.fixture
def no_pauses():
    """Requests that fail are repeated once, and at once."""
    with stamina.set_testing(True, attempts=2):
        yield
