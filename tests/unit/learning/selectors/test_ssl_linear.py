import pytest
import torch
from relabel.learning.networks.side_by_side import Output
from relabel.learning.selectors.ssl_linear import bounded_logits


def test_the_penalty_on_bounded_logits():
    logits = torch.tensor([[[-30.0, -5.0, 0.0, 5.0, 30.0]]])
    found = bounded_logits(Output(logits, torch.zeros(1, 1, 1)))
    assert found.item() == pytest.approx(48.1474, abs=1e-4)
