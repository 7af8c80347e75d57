from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from relabel.errors import ConfigurationError
from relabel.learning.encoders.dinov2 import VisionTransformer
from relabel.learning.encoders.encoder import cropped, squeezed
from relabel.learning.encoders.registry import ENCODERS, load_encoder
from relabel.learning.encoders.torchvision import registered_weights
from relabel.learning.networks.cifar_resnet import CifarResNet
from torchvision import models


def test_a_flat_sixteen_bit_image_is_no_division_by_zero():
    flat = Image.fromarray(np.full((3, 3), 7, dtype=np.uint16))
    assert np.isfinite(squeezed(flat, 2)).all()


@pytest.mark.parametrize("size", [(300, 300), (40, 300), (1000, 20), (1, 1)])
def test_crops_have_the_networks_size_whatever_the_images(size):
    assert cropped(Image.new("RGB", size, "red"), 256, 224).shape == (3, 224, 224)


def test_the_middle_is_cropped():
    image = Image.new("RGB", (300, 100), "black")
    image.paste("white", (100, 0, 200, 100))
    assert cropped(image, 256, 224).min() == 255


def test_a_large_jpeg_that_is_decoded_small_looks_the_same(tmp_path):
    shapes = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(shapes).resize((1200, 900), Image.Resampling.BICUBIC).save(path, quality=95)
    with Image.open(path) as lazy, Image.open(path) as whole:
        whole.load()
        found, expected = (cropped(each, 256, 224).astype(int) for each in (lazy, whole))
    assert np.abs(found - expected).mean() < 3


def weights_file(tmp_path, network):
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
def test_a_torchvision_network_from_a_local_file(tmp_path):
    torch.manual_seed(0)
    network = models.mobilenet_v2()
    path = weights_file(tmp_path, network.half())
    encoder = load_encoder("mobilenet_v2", path)
    with torch.inference_mode():
        assert encoder.network(torch.zeros(2, 3, 64, 64)).shape == (2, 1280)
    assert len(encoder.weights) == 64


def test_a_cifar_resnet_from_a_local_file(tmp_path):
    encoder = load_encoder("cifar_resnet20", weights_file(tmp_path, CifarResNet(3, 20)))
    prepared = encoder.prepare(Image.new("RGB", (50, 40)))
    with torch.inference_mode():
        assert encoder.network(torch.from_numpy(prepared)[None]).shape == (1, 64)


def test_dinov2_from_a_local_file(tmp_path):
    encoder = load_encoder("dinov2_vits14", weights_file(tmp_path, VisionTransformer()))
    with torch.inference_mode():
        assert encoder.network(torch.rand(1, 3, 28, 42)).shape == (1, 384)


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("resnet18", 512),
        pytest.param("resnet50", 2048, marks=pytest.mark.slow),
        ("mobilenet_v3_large", 960),
        pytest.param("convnext_tiny", 768, marks=pytest.mark.slow),
        pytest.param("vit_b_16", 768, marks=pytest.mark.slow),
    ],
)
def test_torchvision_networks_lose_their_classifier(name, features, monkeypatch):
    with torch.device("meta"):
        state = models.get_model(name).state_dict()
    state = {key: torch.zeros(value.shape, dtype=value.dtype) for key, value in state.items()}
    monkeypatch.setattr(
        "relabel.learning.encoders.torchvision.registered_weights", lambda _: (state, "zeros")
    )
    encoder = load_encoder(name)
    with torch.inference_mode():
        assert encoder.network(torch.zeros(1, 3, 224, 224)).shape == (1, features)


def test_other_weights_are_refused(tmp_path):
    path = weights_file(tmp_path, torch.nn.Linear(2, 2))
    with pytest.raises(ConfigurationError, match="not one of 'mobilenet_v2'"):
        load_encoder("mobilenet_v2", path)


def test_code_in_a_weights_file_is_not_run(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"trap": print}, path)
    with pytest.raises(ConfigurationError, match="tensors alone"):
        load_encoder("resnet18", path)


def test_a_missing_weights_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.pth"):
        load_encoder("resnet18", tmp_path / "nowhere.pth")


def test_without_network_the_file_to_fetch_and_its_place_are_named():
    def offline(*_args, **_options):
        raise URLError("no route to host")

    with pytest.raises(ConfigurationError, match=r"no route.*https://.*resnet18.*checkpoints"):
        registered_weights("resnet18", offline)


@pytest.mark.parametrize("name", ["dinov2_vits14", "cifar_resnet20"])
def test_encoders_outside_the_registry_ask_for_their_file(name):
    with pytest.raises(ConfigurationError, match="weights file"):
        load_encoder(name)


def test_the_tiny_encoder_has_no_weights(tmp_path):
    with pytest.raises(ConfigurationError, match="has no weights"):
        load_encoder("tiny", tmp_path / "weights.pth")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_tiny_encoder_sees_shape_and_colour(mode):
    encoder = load_encoder("tiny")
    upright, lying = Image.new(mode, (64, 64)), Image.new(mode, (64, 64))
    upright.paste("white", (28, 8, 36, 56))
    lying.paste("white", (8, 28, 56, 36))
    with torch.inference_mode():
        vectors = encoder.network(
            torch.stack([torch.from_numpy(encoder.prepare(i)) for i in (upright, lying, upright)])
        )
    assert torch.equal(vectors[0], vectors[2])
    assert torch.cosine_similarity(vectors[0], vectors[1], dim=0) < 0.6


def test_encoders_are_told_apart_by_weights_and_preprocessing():
    assert load_encoder("tiny").identity == "tiny//box32/2"
    assert "mobilenet_v2" in ENCODERS
