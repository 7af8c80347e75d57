"""What a device does in plain torch: loops without anything of the training around them.

The same networks, batches and random changes as the package's, on tasks that lie on the device;
nothing is recorded, watched, checkpointed or repeatable. For gpu.py, which measures both in turns.
"""

import copy
import time
from collections.abc import Callable

import torch
from relabel.learning.augment import AUGMENTS
from relabel.learning.networks.registry import ARCHITECTURES, build
from relabel.learning.networks.side_by_side import side_by_side
from relabel.learning.ssl.byol import projector
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

KEPT = 0.8
"""Share of a batch that either of two networks learns from."""

Step = Callable[[Tensor], None]
"""step(rows of a batch) trains on them."""


def wait(device: str) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def laps(step: Step, tasks: int, size: int, epochs: int, device: str) -> float:
    """Return images per second over all epochs but the first, which warms up."""
    ends = []
    for _ in range(epochs):
        for rows in torch.randperm(tasks, device=device).split(size):
            step(rows)
        wait(device)
        ends.append(time.perf_counter())
    return tasks * (epochs - 1) / (ends[-1] - ends[0])


def classifying(
    network: str, images: Tensor, labels: Tensor, classes: int, *, networks: int, half: bool
) -> Step:
    """Return a step of one network, or of two of which each learns what the other finds easy."""
    kind = images.device.type
    architecture = ARCHITECTURES[network]
    peers = side_by_side(lambda: build(architecture, images, classes), networks, 0)
    peers = peers.to(images.device, memory_format=torch.channels_last)
    fused = kind == "cuda" or None
    optimizer = torch.optim.SGD(
        peers.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4, fused=fused
    )
    generator = torch.Generator(images.device).manual_seed(0)
    change = AUGMENTS[architecture.augment]
    assert change is not None

    def step(rows: Tensor) -> None:
        shown, wanted = change(images[rows], generator), labels[rows]
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            said = [net(shown)[0].float() for net in peers.classifiers]
        losses = [cross_entropy(logits, wanted, reduction="none") for logits in said]
        if networks == 2:
            kept = max(1, int(KEPT * len(rows)))
            easy = [each.detach().topk(kept, largest=False).indices for each in losses]
            losses = [losses[0][easy[1]], losses[1][easy[0]]]
        optimizer.zero_grad(set_to_none=True)
        torch.stack([each.mean() for each in losses]).sum().backward()
        optimizer.step()

    return step


def bootstrapping(network: str, images: Tensor, *, half: bool) -> Step:
    """Return a step of BYOL."""
    kind = images.device.type
    body, features = ARCHITECTURES[network].body(images.shape[1])
    online = nn.Sequential(body, projector(features, 512, 128))
    guess = projector(128, 512, 128)
    target = copy.deepcopy(online).requires_grad_(requires_grad=False)
    for part in (online, guess, target):
        part.to(images.device, memory_format=torch.channels_last)
    trained = [*online.parameters(), *guess.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=kind == "cuda" or None)
    generator = torch.Generator(images.device).manual_seed(0)
    change = AUGMENTS["strong"]
    assert change is not None

    def step(rows: Tensor) -> None:
        first, second = (change(images[rows], generator) for _ in range(2))
        with torch.autocast(kind, torch.bfloat16, enabled=half):
            with torch.no_grad():
                aims = target(second), target(first)
            guesses = guess(online(first)), guess(online(second))
        pairs = zip(guesses, aims, strict=True)
        alike = [cosine_similarity(one.float(), other.float()).mean() for one, other in pairs]
        optimizer.zero_grad(set_to_none=True)
        (4 - 2 * torch.stack(alike).sum()).backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 0.01)

    return step


def forward(network: nn.Module, batch: Tensor, images: int, *, half: bool) -> float:
    """Return images per second of an encoder's forward pass alone, on a batch that lies there."""
    device = str(batch.device)

    def some(count: int) -> None:
        with (
            torch.inference_mode(),
            torch.autocast(batch.device.type, torch.bfloat16, enabled=half),
        ):
            for _ in range(count):
                normalize(network(batch).float())
        wait(device)

    some(2)
    start = time.perf_counter()
    count = max(1, images // len(batch))
    some(count)
    return count * len(batch) / (time.perf_counter() - start)
