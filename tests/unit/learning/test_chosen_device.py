"""The device is chosen in one place, which says why not and makes what runs there repeatable."""

import os

import pytest
import torch
from relabel.errors import ConfigurationError
from relabel.learning import device
from relabel.learning.device import choose_device
from relabel.learning.selectors.registry import select
from relabel.settings import Settings


@pytest.fixture
def card(monkeypatch):
    """A CUDA device that takes tensors; what is set for it is taken back."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device, "_touch", lambda _name: None)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cudnn = torch.backends.cudnn
    before = (cudnn.benchmark, cudnn.deterministic)
    yield
    torch.use_deterministic_algorithms(mode=False)
    cudnn.benchmark, cudnn.deterministic = before


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "auto"])
def test_what_runs_on_a_card_is_repeatable(name):
    torch.backends.cudnn.benchmark = True
    assert choose_device(name) == ("cuda" if name == "auto" else name)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.usefixtures("card")
def test_a_workspace_of_the_users_own_is_left_alone(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    choose_device("cuda")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_without_a_card_auto_is_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_deployment_may_leave_the_choice_to_the_machine():
    assert Settings(device="auto").device == "auto"


@pytest.mark.parametrize("name", ["cuda:63", "gpu"])
def test_a_device_that_is_not_there_is_refused_with_the_reason_and_a_remedy(name):
    with pytest.raises(ConfigurationError, match=rf"device = {name}: .+\(.+\).*cpu.*auto"):
        choose_device(name)


def test_no_selector_starts_on_a_device_that_is_not_there(noisy_digits):
    with pytest.raises(ConfigurationError, match="device = cuda:63"):
        select("linear", noisy_digits(0, size=50).data, {}, seed=0, device="cuda:63")
