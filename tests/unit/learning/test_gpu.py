"""A GPU is kept at work: no step waits for an answer of it, and the data lie there already.

None is at hand: torch's "meta" device stands in. Its tensors have shapes and no numbers, so
whatever reads one raises, and what is sent to it can be counted.
"""

from contextlib import nullcontext, suppress
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from relabel.learning import batches, gpu
from relabel.learning.augment import AUGMENTS
from relabel.learning.batches import Batches
from relabel.learning.data import TrainingData
from relabel.learning.encoders.encoder import Encoder, Normalised, squeezed
from relabel.learning.encoders.seeing import Seeing
from relabel.learning.selectors.registry import select
from relabel.learning.ssl import byol
from relabel.learning.training import loop, train
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.weighting import Uniform, Weighting
from relabel.settings import WORKSPACE, rounds_environment
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

GPU = "meta"
SLOW = pytest.mark.slow
TASKS, CLASSES, EPOCHS = 48, 3, 3
SMALL = {"network": "small_cnn", "augment": "photo", "batch_size": 24, "epochs": 12}
FEW = {"pretrain_epochs": 1, "pretrain_batch": 24}
METHODS = {
    "vanilla": SMALL,
    "co_teaching": {**SMALL, "forget_rate": 0.2},
    "co_teaching_vog": {**SMALL, "forget_rate": 0.2, "ramp_epochs": 1, "window": 2},
    "robust_update": SMALL,
    "elr": SMALL,
    "dalc": SMALL,
    "o2u": {**SMALL, "skip": 1, "cycle": 2},
    "ssl_linear": FEW,
    "ssl_co_teaching": {**FEW, "forget_rate": 0.2},
}


class AcrossTheBus(TorchDispatchMode):
    """Notes what goes from the CPU to the device, and refuses to compute with tensors of both."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        made = func(*args, **(kwargs or {}))
        places = {tensor.device.type for tensor in tensors if tensor.dim()}
        if func is torch.ops.aten._to_copy.default:
            if places == {"cpu"} and made.device.type == GPU:
                self.sent.append((made.dtype, tuple(made.shape)))
        elif len(places) > 1:
            raise AssertionError(f"{func} is given tensors of {places}")
        return made


class EnoughError(Exception):
    """Some epochs have been run."""


def tasks() -> TrainingData:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (TASKS, 16, 16, 3), dtype=np.uint8)
    counts = np.eye(CLASSES, dtype=np.int64)[rng.integers(0, CLASSES, TASKS)]
    return TrainingData(np.arange(TASKS), counts, images=images)


def some_epochs(monkeypatch, lying: bool) -> list[list[tuple[torch.dtype, tuple[int, ...]]]]:
    """Let a training run three epochs on the device; return what each of them sends there."""
    crossed = []

    def run(objective, shown, optimizer, *, autocast=None, **_how):
        for epoch in range(EPOCHS):
            with AcrossTheBus() as bus:
                for batch in shown.epoch(epoch):
                    at = epoch / EPOCHS
                    optimizer.step(loop._closure(objective, optimizer, batch, at, autocast))
                    objective.after_step(at)
            crossed.append(bus.sent)
            with suppress(NotImplementedError, RuntimeError):
                objective.after_epoch(epoch)  # which may ask
        raise EnoughError

    for module in (train, byol):
        monkeypatch.setattr(module, "fit", run)
        if lying:
            monkeypatch.setattr(module, "placed", lambda inputs, device: inputs.to(device))
    monkeypatch.setattr(batches, "generator_at", lambda _place, seed: seeded(seed))
    monkeypatch.setattr(torch, "autocast", lambda *_device, **_how: nullcontext())
    return crossed


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "name",
    [name if name == "co_teaching_vog" else pytest.param(name, marks=SLOW) for name in METHODS],
)
def test_no_step_asks_the_device_and_an_epoch_sends_it_only_an_order(name, monkeypatch):
    crossed = some_epochs(monkeypatch, lying=True)
    with pytest.raises(EnoughError):
        select(name, tasks(), METHODS[name], seed=0, device=GPU)
    assert crossed == [[(torch.int64, (TASKS,))]] * EPOCHS


def test_tasks_that_do_not_fit_go_there_as_bytes(monkeypatch):
    crossed = some_epochs(monkeypatch, lying=False)
    with pytest.raises(EnoughError):
        select("vanilla", tasks(), METHODS["vanilla"], seed=0, device=GPU)
    images = [what for what in crossed[0] if len(what[1]) == 4]
    assert images == [(torch.uint8, (24, 3, 16, 16))] * 2


def test_a_method_that_asks_at_every_step_is_noticed(monkeypatch):
    class Asks(Weighting):
        def weigh(self, step):
            return torch.ones_like(step.losses) * step.losses.max().item()

    some_epochs(monkeypatch, lying=True)
    monkeypatch.setattr("relabel.learning.selectors.vanilla.Uniform", Asks)
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called"):
        select("vanilla", tasks(), METHODS["vanilla"], seed=0, device=GPU)


def test_the_loss_is_read_once_an_epoch(monkeypatch):
    reads = []
    inputs = torch.rand(64, 5, generator=seeded(0))
    targets = torch.eye(3)[torch.randint(0, 3, (64,), generator=seeded(1))]
    network = train.side_by_side(
        lambda: train.build(train.architecture_of("linear_head", None), inputs, 3), 1, 0
    )
    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__int__", "__bool__"):
        read = getattr(Tensor, name)
        monkeypatch.setattr(
            Tensor,
            name,
            lambda self, *given, read=read, name=name: reads.append(name) or read(self, *given),
        )
    loop.fit(
        Supervised(network, Uniform()),
        Batches(inputs, targets, torch.arange(64), size=8, seed=0),
        torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True),
        epochs=5,
    )
    assert reads == ["tolist"] * 5


def test_images_to_embed_go_there_as_bytes_and_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_device, **_how: nullcontext())
    network = nn.Sequential(Normalised(), nn.Flatten())
    encoder = Encoder("plain", "", "box8", partial(squeezed, side=8), network)
    seeing = Seeing.on(GPU, encoder, lambda row: Image.new("RGB", (9, 9), (row, 0, 0)))
    with AcrossTheBus() as bus:
        found = list(seeing.every(range(5), batch_size=3))
    assert bus.sent == [(torch.uint8, (3, 3, 8, 8)), (torch.uint8, (2, 3, 8, 8))]
    assert [(seen.vectors.device.type, len(seen.rows)) for seen in found] == [(GPU, 3), (GPU, 2)]


@pytest.mark.parametrize("name", [name for name, change in AUGMENTS.items() if change])
def test_images_are_changed_where_they_are(name):
    images = torch.zeros(4, 3, 16, 16, dtype=torch.uint8, device=GPU)
    with AcrossTheBus() as bus:
        changed = AUGMENTS[name](images, seeded(0))
    assert (changed.device.type, changed.dtype, bus.sent) == (GPU, torch.float32, [])


def test_apples_devices_are_fed_from_the_cpu():
    assert [gpu.workplace(device).type for device in ("cpu", "mps", "cuda:1")] == [
        "cpu",
        "cpu",
        "cuda",
    ]


def test_tasks_lie_on_a_gpu_if_they_take_at_most_half_of_what_is_free(monkeypatch):
    """One that does not fit is returned as it is; one that does is sent, and no GPU is here."""
    images = torch.zeros(10, 3, 8, 8, dtype=torch.uint8)
    free = 2 * images.nbytes
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (free - 1, 10 * free))
    assert gpu.placed(images, "cuda") is images
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (free, 10 * free))
    with pytest.raises((RuntimeError, AssertionError), match=r"CUDA|NVIDIA"):
        gpu.placed(images, "cuda")
    assert gpu.placed(images, "cpu") is images


def test_a_gpu_is_asked_for_the_same_bits_and_afterwards_left_as_it_was():
    def asked() -> tuple[bool, bool, bool]:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        )

    before = asked()
    with gpu.repeatable("cuda"):
        assert asked() == (True, True, False)
    with gpu.repeatable("cpu"):
        assert asked() == before
    assert asked() == before


def test_a_round_lets_matrix_products_repeat_themselves_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv(WORKSPACE, raising=False)
    assert rounds_environment()[WORKSPACE] == ":4096:8"
    monkeypatch.setenv(WORKSPACE, ":16:8")
    assert rounds_environment()[WORKSPACE] == ":16:8"
