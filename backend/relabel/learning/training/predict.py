"""Asking trained networks for class probabilities."""

import torch
from torch import Tensor, nn

from relabel.learning.batches import Augment
from relabel.learning.gpu import generator_at, sent, workplace
from relabel.learning.networks.side_by_side import Output, Peers
from relabel.types import Float32Array

AT_ONCE = 512


@torch.inference_mode()
def ask(
    peers: Peers,
    inputs: Tensor,
    *,
    passes: int = 0,
    augment: Augment | None = None,
    mc_dropout: bool = False,
    seed: int = 0,
    device: str = "cpu",
) -> Float32Array:
    """Return probabilities (T, M, N, K) of every pass and every network.

    Args:
        peers: M networks.
        inputs: (N, ...), on the CPU or on `device`.
        passes: T; 0 = one pass with the inputs as they are.
        augment: changes the inputs of each pass at random.
        mc_dropout: leave dropout switched on; everything else stays in eval mode, so that the
            batch statistics neither vary nor move.
        seed: of the passes.
        device: where the networks are.
    """
    peers.eval()
    if mc_dropout and passes:
        for module in peers.modules():
            if isinstance(module, nn.Dropout):
                module.train()
    generator = generator_at(workplace(device), seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        every = [
            _one_pass(peers, inputs, augment if passes else None, generator, device)
            for _ in range(max(1, passes))
        ]
    peers.eval()
    probs: Float32Array = torch.stack(every).numpy()
    return probs


def _one_pass(
    peers: Peers, inputs: Tensor, augment: Augment | None, generator: torch.Generator, device: str
) -> Tensor:
    found = []
    for start in range(0, len(inputs), AT_ONCE):
        batch = sent(inputs[start : start + AT_ONCE], workplace(device))
        if augment is not None:
            batch = augment(batch, generator)
        output: Output = peers(batch.to(device))
        found.append(output.logits.float().softmax(-1))
    return torch.cat(found, 1).cpu()
