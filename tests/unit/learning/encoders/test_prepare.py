"""Images are prepared ahead of the network: by threads, by processes, or JPEGs by the device."""

import io
import os
import signal
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from relabel.errors import BadImageError
from relabel.learning.encoders import jpeg, prepare
from relabel.learning.encoders.embed import embed
from relabel.learning.encoders.encoder import Encoder, Normalised, cropped, fitted, squeezed
from relabel.learning.encoders.seeing import Seeing
from relabel.media.image.decode import open_picture, plain_jpeg
from torch import nn

FORKS = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 and newer


def photograph(row: int, size: tuple[int, int] = (60, 44)) -> Image.Image:
    shapes = np.random.default_rng(row).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(shapes).resize(size, Image.Resampling.BICUBIC)


def file_of(picture: Image.Image, kind: str = "JPEG", **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **({"quality": 95} | how if kind == "JPEG" else how))
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    return open_picture(content, max_pixels=10**6)


def small(**how) -> Encoder:
    """Return an encoder whose vectors are its pixels."""
    network = nn.Sequential(Normalised(), nn.Flatten())
    size = {"resize": 32, "side": 28}
    return Encoder(
        "small", "", "crop32-28", partial(cropped, **size), network, partial(fitted, **size), **how
    )


def load(row: int) -> Image.Image:
    if row == 3:
        raise BadImageError("404")
    return opened(file_of(photograph(row), "PNG"))


def as_rows(batches) -> tuple[dict[int, bytes], dict[int, str]]:
    shown, failed = {}, {}
    for batch in batches:
        shown |= {
            row: image.numpy().tobytes()
            for row, image in zip(batch.shown, batch.pixels, strict=True)
        }
        failed |= batch.failed
    return shown, failed


CHUNKS = [[0, 1, 2], [3, 4], [5, 6, 7], [8]]


@FORKS
def test_processes_prepare_what_threads_do_and_draw_no_random_number():
    source = prepare.Source(load, small())
    threads = as_rows(prepare.in_threads(source, CHUNKS))
    before = torch.get_rng_state()
    assert as_rows(prepare.in_processes(source, CHUNKS, 2)) == threads
    assert torch.equal(torch.get_rng_state(), before)
    assert sorted(threads[0]) == [0, 1, 2, 4, 5, 6, 7, 8]
    assert threads[1] == {3: "404"}


@FORKS
def test_threads_go_on_where_a_process_is_ended(caplog):
    here = os.getpid()

    def dies(row: int) -> Image.Image:
        if row == 5 and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return load(row)

    source = prepare.Source(dies, small())
    found = as_rows(prepare.in_processes(source, CHUNKS, 2))
    assert found == as_rows(prepare.in_threads(source, CHUNKS))
    assert "images are decoded by threads from here on" in caplog.text


@FORKS
def test_vectors_do_not_depend_on_who_decodes(tmp_path, monkeypatch):
    monkeypatch.setattr("relabel.learning.encoders.embed.load_encoder", lambda *_: small())
    asked = []

    def two(*speeds) -> int:
        asked.append(speeds)
        return 2

    names = [str(row) for row in range(20)]
    one = embed(load, names, encoder="small", cache=tmp_path / "a", batch_size=3)
    monkeypatch.setattr(prepare, "processes_for", two)
    other = embed(load, names, encoder="small", cache=tmp_path / "b", batch_size=3)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert (one.failed, one.computed) == (other.failed, other.computed)
    ((preparing, network, left, size),) = asked
    assert (preparing > 0, network > 0, left, size) == (True, True, 8, 3 * 3 * 28 * 28)


@pytest.mark.parametrize(
    ("preparing", "network", "images", "room", "expected"),
    [
        pytest.param(0.001, 0.020, 10**6, 2**30, 0, id="the network takes longer"),
        pytest.param(0.001, 0.0001, 100, 2**30, 0, id="too few are left"),
        pytest.param(0.001, 0.0002, 10**6, 2**30, 7, id="as many as it takes"),
        pytest.param(0.001, 0.00001, 10**6, 2**30, 16, id="as many as there are processors"),
        pytest.param(0.001, 0.0001, 10**6, 64 * 2**20, 2, id="as many as the memory holds"),
        pytest.param(0.001, 0.0001, 10**6, 2**20, 0, id="no shared memory"),
    ],
)
def test_as_many_processes_as_keep_the_network_busy(
    preparing, network, images, room, expected, monkeypatch
):
    monkeypatch.setattr(prepare, "processors", lambda: 16)
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda _: type("Usage", (), {"free": room}))
    monkeypatch.setattr(prepare.sys, "platform", "linux")
    assert prepare.processes_for(preparing, network, images, 64 * 3 * 224 * 224) == expected


def test_where_processes_cannot_be_forked_threads_do_it(monkeypatch):
    monkeypatch.setattr(prepare.sys, "platform", "darwin")
    assert prepare.processes_for(0.001, 0.00001, 10**6, 1) == 0


def test_bytes_become_the_floats_that_imagenets_networks_know():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    mean = np.array([0.485, 0.456, 0.406], dtype=np.float32)
    spread = np.array([0.229, 0.224, 0.225], dtype=np.float32)
    wanted = ((levels.astype(np.float32) / 255 - mean) / spread).transpose(2, 0, 1)
    found = Normalised()(torch.from_numpy(levels.transpose(2, 0, 1).copy())[None])
    np.testing.assert_array_equal(found[0].numpy(), wanted)


@pytest.mark.parametrize("size", [(320, 256), (256, 320), (300, 40), (20, 900), (224, 224)])
def test_a_device_fits_pixels_as_pillow_does_but_for_rounding(size):
    picture = photograph(1, size)
    wanted = cropped(picture, 256, 224).astype(int)
    pixels = torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())
    found = fitted(pixels[None], 256, 224)[0]
    assert (found.dtype, found.shape) == (torch.uint8, (3, 224, 224))
    assert np.abs(found.numpy().astype(int) - wanted).max() <= 1


def test_pictures_of_one_size_are_fitted_together_as_many_as_memory_holds(monkeypatch):
    monkeypatch.setattr(jpeg, "AT_ONCE", 2 * 40 * 30)
    sizes = {7: (40, 30), 1: (30, 40), 5: (40, 30), 4: (40, 30)}
    pictures = {row: torch.full((3, *size), row, dtype=torch.uint8) for row, size in sizes.items()}
    rows, parts = jpeg.fitted(pictures, partial(fitted, resize=10, side=8))
    assert (rows, [len(part) for part in parts]) == ([7, 5, 4, 1], [2, 1, 1])
    assert torch.cat(parts)[:, 0, 0, 0].tolist() == rows


def test_pixels_are_bytes():
    assert squeezed(photograph(0), 8).dtype == cropped(photograph(0), 8, 8).dtype == np.uint8


TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        pytest.param(file_of(photograph(0)), True, id="as cameras write them"),
        pytest.param(file_of(photograph(0), "PNG"), False, id="PNG"),
        pytest.param(file_of(photograph(0).convert("L")), False, id="grey"),
        pytest.param(file_of(photograph(0).convert("CMYK")), False, id="CMYK"),
        pytest.param(file_of(photograph(0), progressive=True), False, id="progressive"),
        pytest.param(file_of(photograph(0), exif=TURNED), False, id="turned"),
        pytest.param(file_of(photograph(0), keep_rgb=True), False, id="stored as RGB"),
        pytest.param(file_of(photograph(0, (101, 100))), False, id="too large"),
        pytest.param(file_of(photograph(0))[:-300], False, id="cut off"),
        pytest.param(file_of(photograph(0)) + b"\0\0", True, id="padded"),
    ],
)
def test_plain_jpegs_are_those_that_all_decoders_show_alike(content, plain):
    found = plain_jpeg(opened(content), 10_000)
    assert found == (content if plain else None)


@pytest.fixture
def decoding_device(monkeypatch):
    """The CPU, as if it were a device that decodes."""
    monkeypatch.setattr(jpeg, "decodes", lambda _device: True)
    monkeypatch.setattr("relabel.learning.encoders.embed.load_encoder", lambda *_: small())


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")  # torchvision 0.29
@pytest.mark.usefixtures("decoding_device")
def test_a_device_decodes_plain_jpegs_and_leaves_the_rest_to_pillow(tmp_path, monkeypatch):
    files = [file_of(photograph(row)) for row in range(4)]
    files += [file_of(photograph(4), "PNG"), files[1][:-500], b"no picture"]
    decoded = []
    decode = jpeg._decode

    def refuses_one(given, device):
        """The second file is of a kind that the device cannot read."""
        if any(len(file) == len(files[1]) for file in given):
            raise RuntimeError("nvjpeg status 4")
        decoded.extend(len(file) for file in given)
        return decode(given, device)

    monkeypatch.setattr(jpeg, "_decode", refuses_one)
    names = [str(row) for row in range(len(files))]
    result = embed(lambda row: opened(files[row]), names, encoder="small", cache=tmp_path / "there")
    monkeypatch.setattr(jpeg, "decodes", lambda _device: False)
    here = embed(lambda row: opened(files[row]), names, encoder="small", cache=tmp_path / "here")
    assert result.failed == here.failed
    assert sorted(result.failed) == [5, 6]
    assert decoded == [len(files[row]) for row in (0, 2, 3)]
    assert (result.vectors * here.vectors).sum(1)[:5] == pytest.approx(np.ones(5), abs=1e-3)


def test_vectors_of_another_decoder_or_precision_are_kept_apart(monkeypatch):
    def identity(device, **how):
        monkeypatch.setattr(nn.Module, "to", lambda self, *_: self)
        return Seeing.on(device, small(**how), load).identity

    monkeypatch.setattr(jpeg, "decodes", lambda device: device == "cuda")
    plain = small().identity
    assert identity("cpu", mixed_precision=True) == plain
    assert identity("cuda:1") == plain
    assert identity("cuda") == f"{plain}/nvjpeg"
    assert identity("cuda", mixed_precision=True) == f"{plain}/bfloat16/nvjpeg"


def test_no_device_here_decodes():
    assert not jpeg.decodes("cpu")
    assert not jpeg.decodes("mps")
    if not torch.cuda.is_available():
        assert not jpeg.decodes("cuda")
