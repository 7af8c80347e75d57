"""ResNets for small images: their size is the published one, their features keep the batch."""

import numpy as np
import pytest
import torch
from relabel.errors import ConfigurationError
from relabel.learning.data import TrainingData
from relabel.learning.networks.registry import ARCHITECTURES, architecture_of, build
from relabel.learning.networks.resnet import ResNet


def images(count, channels=3, side=32):
    return torch.zeros(count, channels, side, side, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("name", "features", "parameters"),
    [("resnet18", 512, 11_173_962), ("resnet50", 2048, 23_520_842)],
)
def test_with_ten_classes_it_has_the_published_number_of_parameters(name, features, parameters):
    with torch.device("meta"):
        network = build(ARCHITECTURES[name], images(1), 10)
    assert network.features == features
    assert sum(value.numel() for value in network.parameters()) == parameters


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 32)])
def test_images_of_any_size_and_colour_become_features(name, channels, side):
    shown = images(2, channels, side)
    network = build(ARCHITECTURES[name], shown, 3).eval()
    with torch.inference_mode():
        logits, features = network(shown)
    assert logits.shape == (2, 3)
    assert features.shape == (2, ARCHITECTURES[name].body(channels)[1])
    assert (features >= 0).all(), "they come out of a ReLU"


def test_a_small_image_is_halved_three_times_and_no_more():
    """The stem of large images would leave one pixel of 32: three by three, no pooling."""
    seen = []
    network = ResNet(3, 18)
    network.layers.register_forward_hook(lambda _m, _i, maps: seen.append(maps.shape))
    with torch.inference_mode():
        network(torch.zeros(1, 3, 32, 32))
    assert seen == [(1, 512, 4, 4)]


def test_an_image_says_something_of_itself():
    network = ResNet(3, 18).eval()
    shown = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        first, second = network(shown)
    assert not torch.allclose(first, second)


def test_an_unknown_network_is_answered_with_the_known_ones():
    data = TrainingData(np.arange(2), np.eye(2, dtype=np.int64))
    with pytest.raises(ConfigurationError, match=r"'resnet9'; known: .*resnet18, resnet50"):
        architecture_of("resnet9", data)
