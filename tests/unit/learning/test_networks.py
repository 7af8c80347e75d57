"""The networks' own layers."""

import pytest
import torch
from relabel.learning.networks import Dropout

SIZE = 200_000


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_zeroes_the_given_share_and_keeps_the_mean(p: float, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    found = Dropout(p)(torch.ones(SIZE, dtype=kind))
    assert found.dtype == kind
    # five standard deviations of a binomial share
    assert float((found == 0).float().mean()) == pytest.approx(p, abs=2.5 / SIZE**0.5)
    survivors = found[found != 0].float()
    torch.testing.assert_close(
        survivors, torch.full_like(survivors, 1 / (1 - p)), rtol=1e-2, atol=0
    )


def test_dropout_gives_each_input_the_gradient_of_its_own_factor() -> None:
    torch.manual_seed(0)
    inputs = torch.ones(1000, requires_grad=True)
    found = Dropout(0.2)(inputs)
    found.sum().backward()
    assert inputs.grad is not None
    torch.testing.assert_close(inputs.grad, found.detach())


def test_dropout_leaves_everything_as_it_is_outside_training() -> None:
    inputs = torch.rand(100)
    assert Dropout(0.5).eval()(inputs) is inputs
    assert Dropout(0.0)(inputs) is inputs
