"""What lives on the device is never float64, which Apple's (mps) has not got.

No such device is at hand: the CPU stands in for it, made to refuse as that one does.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from relabel.catalogue.options import options_of
from relabel.learning.encoders.embed import embed
from relabel.learning.selectors.registry import select
from relabel.learning.selectors.single import SINGLE
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

REFUSED = "Cannot convert a MPS Tensor to float64 dtype"
FEW = {"epochs": 2, "pretrain_epochs": 1}
OTHERWISE = (
    ("vanilla", {"network": "small_cnn", "mixed_precision": True}),
    ("vanilla", {"patience": 2, "network": "mlp", "mc_dropout": True, "passes": 2}),
    ("robust_update", {"bandwidth": "pairwise"}),
    ("robust_update", {"bandwidth": "half_pairwise"}),
)
"""Options that lead elsewhere than a selector's own choice."""


class WithoutFloat64(TorchDispatchMode):
    """Every operation refuses to make a float64."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if any(getattr(leaf, "dtype", None) is torch.float64 for leaf in tree_leaves(made)):
            raise TypeError(f"{REFUSED}: {func}")
        return made


@pytest.fixture
def without_float64() -> Iterator[None]:
    with WithoutFloat64():
        yield


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(2, dtype=torch.float64),
        lambda: torch.ones(2).double(),
        lambda: torch.ones(2).to(torch.float64),
        lambda: torch.tensor(np.ones(2)),
    ],
)
@pytest.mark.usefixtures("without_float64")
def test_the_stand_in_refuses(make):
    with pytest.raises(TypeError, match=REFUSED):
        make()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in SINGLE), *OTHERWISE], ids=str
)
@pytest.mark.usefixtures("noisy_digits", "without_float64")
def test_every_selector_learns_without_float64(noisy_digits, name, options):
    few = {key: value for key, value in FEW.items() if key in options_of("selector", name)}
    data = noisy_digits(0, size=60).data
    selection = select(name, data, few | options, seed=0)
    assert np.isfinite(selection.posteriors.probs).all()
    if selection.contribution is not None:
        assert selection.contribution.dtype == np.float64


@pytest.mark.usefixtures("digit_images", "without_float64")
def test_images_are_embedded_without_float64(digit_images, tmp_path):
    vectors = embed(digit_images.__getitem__, ["a", "b"], encoder="tiny", cache=tmp_path).vectors
    assert np.isfinite(vectors).all()
