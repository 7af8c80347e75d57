"""A round in small: whether this machine's device embeds and trains.

`python -m relabel.learning.trial cuda` prints what the device is, or ends with 1 and why not.
"""

import sys

import numpy as np
import torch

from relabel.learning.data import TrainingData
from relabel.learning.encoders.tiny import Tiny
from relabel.learning.selectors.linear import linear
from relabel.learning.selectors.vanilla import vanilla

TASKS = 8


def try_device(device: str) -> str:
    """Embed a few images on `device`, take steps of training there, and return what it is.

    Args:
        device: cpu, cuda, cuda:1, mps.

    Raises:
        Exception: whatever torch and the driver have to say.
    """
    images = np.random.default_rng(0).integers(0, 255, (TASKS, 32, 32, 3), dtype=np.uint8)
    network = Tiny().to(device)
    with torch.inference_mode():
        shown = torch.from_numpy(images.transpose(0, 3, 1, 2) / np.float32(255))
        vectors = network(shown.to(device)).float().cpu().numpy()
    counts = np.eye(2, dtype=np.int64)[np.arange(TASKS) % 2]
    data = TrainingData(np.arange(TASKS, dtype=np.int64), counts, vectors, images)
    linear(data, folds=2, seed=0, device=device)
    vanilla(data, network="small_cnn", epochs=1, seed=0, device=device)
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


if __name__ == "__main__":
    try:
        print(try_device(sys.argv[1]))  # noqa: T201  to the process that asks
    except Exception as error:  # noqa: BLE001  drivers raise what they like
        sys.exit((str(error).strip() or type(error).__name__).splitlines()[0])
