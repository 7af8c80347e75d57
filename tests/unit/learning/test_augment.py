"""Images are changed at random, each by itself, and the same way for the same generator."""

import pytest
import torch
from relabel.learning.augment import AUGMENTS

CHANGING = [name for name, change in AUGMENTS.items() if change is not None]


def changed(name, seed):
    image = torch.randint(0, 256, (3, 16, 16), generator=torch.Generator().manual_seed(1))
    batch = image.to(torch.uint8).repeat(24, 1, 1, 1)
    return AUGMENTS[name](batch, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", CHANGING)
def test_each_image_of_a_batch_is_changed_by_draws_of_its_own(name):
    images = changed(name, 0)
    assert len({image.numpy().tobytes() for image in images}) == len(images)
    assert images.dtype == torch.float32
    assert (images.min() >= 0, images.max() <= 1) == (True, True)


@pytest.mark.parametrize("name", CHANGING)
def test_a_generator_decides_and_the_global_one_is_left_alone(name):
    before = torch.get_rng_state()
    assert torch.equal(changed(name, 0), changed(name, 0))
    assert not torch.equal(changed(name, 0), changed(name, 1))
    assert torch.equal(torch.get_rng_state(), before)
