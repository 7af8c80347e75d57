"""A round in small: whether this machine's device embeds and trains, and how fast.

`python -m relabel.learning.trial cuda` prints what the device is, as JSON, or ends with 1 and why
it cannot be used.
"""

import json
import sys
import time

import numpy as np
import torch

from relabel.learning.data import ImageArray, TrainingData
from relabel.learning.device import choose_device
from relabel.learning.encoders.tiny import Tiny
from relabel.learning.networks.registry import ARCHITECTURES
from relabel.learning.selectors.linear import linear
from relabel.learning.selectors.vanilla import vanilla
from relabel.types import IntArray

TASKS = 8
NETWORK = "small_cnn"
STEP = 128
"""Images of a step of training."""

SIDE = 32
SECONDS = 0.7
"""That speed is measured for, where a step takes less."""

MOST_STEPS = 200


def try_device(device: str) -> dict[str, str | float]:
    """Embed a few images on `device`, take steps of training there, and return what it is.

    Args:
        device: as `choose_device` reads it.

    Returns:
        device: as torch calls it; name: of the card; images_per_second: that training of `NETWORK`
        takes in; epochs: of its training.

    Raises:
        Exception: whatever torch and the driver have to say.
    """
    images = np.random.default_rng(0).integers(0, 255, (STEP, SIDE, SIDE, 3), dtype=np.uint8)
    chosen = choose_device(device) if device == "auto" else device
    torch.zeros(1, device=chosen)  # torch's own words, if it cannot be used
    choose_device(chosen)
    network = Tiny().to(chosen)
    with torch.inference_mode():
        shown = torch.from_numpy(images[:TASKS].transpose(0, 3, 1, 2) / np.float32(255))
        vectors = network(shown.to(chosen)).float().cpu().numpy()
    data = TrainingData(np.arange(TASKS, dtype=np.int64), _votes(TASKS), vectors)
    linear(data, folds=2, seed=0, device=chosen)
    return {
        "device": chosen,
        "name": torch.cuda.get_device_name(chosen) if chosen.startswith("cuda") else chosen,
        "images_per_second": round(training_speed(chosen, images), 1),
        "epochs": ARCHITECTURES[NETWORK].epochs,
    }


def training_speed(device: str, images: ImageArray) -> float:
    """Return how many images a second training takes in, by the loop that rounds train in.

    The first step is left out: it loads and chooses kernels. Where one more takes long, it is all
    that is measured; else as many as fit into `SECONDS`.
    """
    seconds = _seconds_per_step(device, images, 2)
    more = min(MOST_STEPS, int(SECONDS / seconds))
    if more > 1:
        seconds = _seconds_per_step(device, images, 1 + more)
    return len(images) / seconds


def _seconds_per_step(device: str, images: ImageArray, steps: int) -> float:
    data = TrainingData(np.arange(len(images)), _votes(len(images)), images=images)
    ends: list[float] = []
    vanilla(
        data,
        network=NETWORK,
        epochs=steps,
        batch_size=len(images),
        seed=0,
        device=device,
        progress=lambda *_: ends.append(time.perf_counter()),
    )
    return (ends[-1] - ends[0]) / (steps - 1)


def _votes(tasks: int) -> IntArray:
    return np.eye(2, dtype=np.int64)[np.arange(tasks) % 2]


if __name__ == "__main__":
    try:
        print(json.dumps(try_device(sys.argv[1])))  # noqa: T201  to the process that asks
    except Exception as error:  # noqa: BLE001  drivers raise what they like
        sys.exit((str(error).strip() or type(error).__name__).splitlines()[0])
