"""What gpu.py checks rather than measures: equal bits, and selectors that run and never wait."""

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from gpu_stages import Row, Sizes, memory, tasks
from relabel.catalogue.options import options_of
from relabel.learning.data import TrainingData
from relabel.learning.gpu import is_gpu
from relabel.learning.selectors.registry import SELECTORS, select


def repeated(sizes: Sizes, device: str) -> Iterator[Row]:
    """Two runs of a round's selector, bit by bit, and what it costs that they are equal."""
    data = tasks(sizes.repeated, sizes.side)
    network = {"network": "cifar_resnet20", "epochs": 2, "batch_size": sizes.batch}
    cases: dict[str, Row] = {
        "vanilla": network,
        "co_teaching": network | {"forget_rate": 0.2},
        "ssl_linear": {"body": "small_cnn", "pretrain_epochs": 2, "epochs": 2},
    }
    for name, options in cases.items():
        as_it_comes()
        SELECTORS[name](data, seed=0, device=device, **options)
        times, probs = [], []
        for _ in range(2):
            start = time.perf_counter()
            found = select(name, data, options, seed=0, device=device)
            times.append(time.perf_counter() - start)
            probs.append(found.posteriors.probs)
            as_it_comes()
            start = time.perf_counter()
            SELECTORS[name](data, seed=0, device=device, **options)
            times.append(time.perf_counter() - start)
        yield {
            "what": f"{name}, twice",
            "equal": bool((probs[0] == probs[1]).all()),
            "ratio": round((times[1] + times[3]) / (times[0] + times[2]), 3),
            "memory_gib": memory(device),
        }


def as_it_comes() -> None:
    """Ask for no equal bits: `select` asks for them on CUDA, until the process ends."""
    torch.use_deterministic_algorithms(mode=False)
    torch.backends.cudnn.deterministic = False


def tried(sizes: Sizes, device: str) -> Iterator[Row]:
    """Every selector, on images where it can, and how often an epoch waits for the GPU."""
    data = tasks(sizes.tried, sizes.side)
    for name in SELECTORS:
        known = options_of("selector", name)
        few = {"pretrain_epochs": 1, "skip": 1, "cycle": 2, "folds": 2}
        few |= {} if "body" in known else {"network": "small_cnn"}
        options = {key: value for key, value in few.items() if key in known}
        try:
            waits = []
            for epochs in (2, 4) if "epochs" in known and is_gpu(device) else (2,):
                more = {"epochs": epochs} if "epochs" in known else {}
                found, count = counted(name, data, options | more, device)
                waits.append(count)
            good = bool(np.isfinite(found).all())
            per_epoch = (waits[-1] - waits[0]) / 2 if len(waits) == 2 else None
            yield {"what": name, "equal": good, "waits_per_epoch": per_epoch}
        except Exception as error:  # noqa: BLE001  the others are tried all the same
            yield {"what": name, "equal": False, "why": f"{type(error).__name__}: {error}"[:300]}


def counted(name: str, data: TrainingData, options: Row, device: str) -> tuple[Any, int]:
    """Return a selector's posteriors, and how often the processor waited for the GPU."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if is_gpu(device):
            torch.cuda.set_sync_debug_mode("warn")
        try:
            found = select(name, data, options, seed=0, device=device).posteriors.probs
        finally:
            if is_gpu(device):
                torch.cuda.set_sync_debug_mode("default")
    return found, sum("synchroniz" in str(one.message) for one in said)
