"""What gpu.py measures: each stage yields rows of figures."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bare
import numpy as np
import torch
from PIL import Image
from relabel.learning.data import Run, TrainingData
from relabel.learning.encoders import jpeg
from relabel.learning.encoders.embed import AT_ONCE, AT_ONCE_ON_A_GPU, embed
from relabel.learning.encoders.encoder import Encoder
from relabel.learning.encoders.registry import load_encoder
from relabel.learning.gpu import is_gpu
from relabel.learning.selectors.co_teaching import co_teaching
from relabel.learning.selectors.vanilla import vanilla
from relabel.learning.ssl.byol import pretrained
from relabel.machine import peak_memory
from relabel.media.image.decode import open_picture
from torchvision import models

CLASSES = 10
Row = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Of training: tasks, side (pixels), batch, epochs. Of embedding: distinct files, images,
    encoders. Of the checks: tasks of two equal runs, and of a run of every selector.
    """

    tasks: int = 20_480
    side: int = 32
    batch: int = 256
    epochs: int = 4
    files: int = 1_000
    images: int = 40_960
    encoders: tuple[str, ...] = ("resnet18", "resnet50")
    repeated: int = 5_120
    tried: int = 400


TINY = Sizes(16, 8, 8, 2, 2, 4, ("resnet18",), 32, 40)


def tasks(count: int, side: int) -> TrainingData:
    """Return tasks with images and vectors that show their class, a fifth labelled wrongly."""
    rng = np.random.default_rng(0)
    truth = np.arange(count) % CLASSES
    looks = rng.integers(40, 216, (CLASSES, side, side, 3))
    grain = rng.integers(-40, 40, (count, side, side, 3), dtype=np.int16)
    labels = np.where(rng.random(count) < 0.2, rng.integers(0, CLASSES, count), truth)
    vectors = rng.normal(size=(CLASSES, 64))[truth] + rng.normal(size=(count, 64))
    return TrainingData(
        np.arange(count),
        np.eye(CLASSES, dtype=np.int64)[labels],
        vectors.astype(np.float32),
        (looks[truth] + grain).astype(np.uint8),
        given=labels,
    )


class Laps:
    """The package's own report of progress, read as images per second after the first epoch."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.ends: list[float] = []

    def __call__(self, stage: str, _done: int, _total: int) -> None:
        """Take down when an epoch ends."""
        if stage == self.stage:
            self.ends.append(time.perf_counter())

    def speed(self, count: int) -> float:
        """Return images per second over all epochs but the first."""
        return count * (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])


def memory(device: str) -> float:
    """Return the most GiB held so far: on a GPU its own, reset then, else the process'."""
    if not is_gpu(device):
        return round(peak_memory() / 2**30, 2)
    most = torch.cuda.max_memory_allocated(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return round(most, 2)


def in_turns(what: str, loop: Callable[[], float], ours: Callable[[], float], device: str) -> Row:
    """Measure a bare loop, the package and the loop again."""
    before = loop()
    memory(device)
    speed = ours()
    most = memory(device)
    plain = (before + loop()) / 2
    return {
        "what": what,
        "images_per_s": round(speed),
        "bare_images_per_s": round(plain),
        "ratio": round(speed / plain, 3),
        "memory_gib": most,
    }


def classifiers(
    cases: list[tuple[str, str, bool]], networks: int, sizes: Sizes, device: str
) -> Iterator[Row]:
    """Train one network, or two by co-teaching, of each (what, network, bfloat16)."""
    data = tasks(sizes.tasks, sizes.side)
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2).to(device)
    labels = torch.from_numpy(data.labels).to(device)
    for what, network, half in cases:
        options: Row = {"network": network, "batch_size": sizes.batch, "epochs": sizes.epochs}
        options |= {"device": device, "mixed_precision": half}

        def loop(network: str = network, half: bool = half) -> float:
            step = bare.classifying(network, images, labels, CLASSES, networks=networks, half=half)
            return bare.laps(step, sizes.tasks, sizes.batch, sizes.epochs, device)

        def ours(options: Row = options) -> float:
            laps = Laps("train")
            if networks == 1:
                vanilla(data, progress=laps, **options)
            else:
                co_teaching(data, forget_rate=1 - bare.KEPT, progress=laps, **options)
            return laps.speed(sizes.tasks)

        yield in_turns(what, loop, ours, device)


def one_network(sizes: Sizes, device: str) -> Iterator[Row]:
    """Cross-entropy."""
    cases = [
        ("vanilla, cifar_resnet20", "cifar_resnet20", False),
        ("vanilla, cifar_resnet20, bfloat16", "cifar_resnet20", True),
        ("vanilla, small_cnn", "small_cnn", False),
    ]
    yield from classifiers(cases, 1, sizes, device)


def two_networks(sizes: Sizes, device: str) -> Iterator[Row]:
    """Co-teaching."""
    yield from classifiers(
        [("co_teaching, cifar_resnet20", "cifar_resnet20", False)], 2, sizes, device
    )


def no_labels(sizes: Sizes, device: str) -> Iterator[Row]:
    """BYOL."""
    data, network = tasks(sizes.tasks, sizes.side), "cifar_resnet20"
    epochs = max(2, sizes.epochs - 1)  # each is four forward passes
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2).to(device)
    for batch, half in ((sizes.batch, False), (2 * sizes.batch, False), (2 * sizes.batch, True)):

        def loop(batch: int = batch, half: bool = half) -> float:
            step = bare.bootstrapping(network, images, half=half)
            return bare.laps(step, sizes.tasks, batch, epochs, device)

        def ours(batch: int = batch, half: bool = half) -> float:
            laps = Laps("byol")
            run = Run(0, device, laps)
            pretrained(data, run, network, epochs, batch, mixed_precision=half)
            return laps.speed(sizes.tasks)

        batches = {sizes.batch: "", 2 * sizes.batch: ", twice the batch"}[batch]
        what = f"BYOL, cifar_resnet20{batches}{', bfloat16' if half else ''}"
        yield in_turns(what, loop, ours, device)


def photographs(folder: Path, count: int) -> list[Path]:
    """Write JPEGs of 320 x 256 pixels, some 30 kB each: smooth shapes with grain."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for path in paths:
        shapes = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(shapes.resize((320, 256), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.integers(-12, 13, smooth.shape, dtype=np.int16)
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(path, quality=88)
    return paths


def alone(loaded: Encoder, images: int, device: str) -> float:
    """Return images per second of an encoder's forward pass alone."""
    size = min(AT_ONCE_ON_A_GPU if is_gpu(device) else AT_ONCE, images)
    shown = torch.zeros(size, 3, 224, 224, dtype=torch.uint8, device=device)
    half = loaded.mixed_precision and is_gpu(device)
    return bare.forward(loaded.network.to(device), shown, images, half=half)


def embedded(
    encoder: str, weights: Path, paths: list[Path], cache: Path, images: int, device: str
) -> float:
    """Return images per second from files to kept vectors, the loading of the network included."""
    start = time.perf_counter()
    done = embed(
        lambda row: open_picture(paths[row % len(paths)].read_bytes(), max_pixels=10**8),
        [str(row) for row in range(images)],
        encoder=encoder,
        weights=weights,
        cache=cache,
        device=device,
    )
    assert done.computed == images
    return images / (time.perf_counter() - start)


def embedding(sizes: Sizes, device: str) -> Iterator[Row]:
    """From JPEG files to kept vectors, beside the forward pass alone."""
    by_pillow = patch.object(jpeg, "decodes", lambda _device: False)
    ways = {"decoded by the device": nullcontext(), "decoded by processes": by_pillow}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = photographs(folder, sizes.files)
        for encoder in sizes.encoders:
            weights = folder / f"{encoder}.pth"
            torch.save(models.get_model(encoder).state_dict(), weights)
            loaded = load_encoder(encoder, weights)
            loop = partial(alone, loaded, max(1, sizes.images // 4), device)
            for way, decoder in ways.items():
                cache = folder / f"{encoder} {way}"
                ours = partial(embedded, encoder, weights, paths, cache, sizes.images, device)
                what = f"{encoder} from JPEGs, {way}"
                if way == "decoded by the device" and is_gpu(device) and not jpeg.decodes(device):
                    yield {"what": what, "why": "this build of torchvision does not decode on it"}
                    continue
                with decoder:
                    yield in_turns(what, loop, ours, device)
