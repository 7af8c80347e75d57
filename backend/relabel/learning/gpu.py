"""What is done otherwise where a GPU computes.

Apple's devices (mps) are fed from the CPU, batch by batch: their grid_sample has no repeated
borders, so images are changed before they go there.
"""

import torch
from torch import Tensor

FITS = 0.5
"""Share of a GPU's free memory that all tasks may take to lie there during a training."""


def is_gpu(device: str) -> bool:
    """Return whether `device` is one of CUDA's."""
    return torch.device(device).type == "cuda"


def workplace(device: str) -> torch.device:
    """Return where inputs are changed at random and made floats."""
    named = torch.device(device)
    return torch.device("cpu") if named.type == "mps" else named


def placed(inputs: Tensor, device: str) -> Tensor:
    """Return inputs (N, ...) on the GPU if they fit there beside the training, else as they are."""
    if not is_gpu(device):
        return inputs
    free, _ = torch.cuda.mem_get_info(torch.device(device).index)  # None = the current one
    return inputs.to(device) if inputs.nbytes <= FITS * free else inputs


def sent(inputs: Tensor, place: torch.device) -> Tensor:
    """Return a batch at `place`; nobody waits for the bus while the GPU is still at work."""
    if place.type == "cuda" and inputs.device.type == "cpu":
        return inputs.pin_memory().to(place, non_blocking=True)
    return inputs.to(place)


def generator_at(place: torch.device, seed: int) -> torch.Generator:
    """Return a generator for random changes at `place`."""
    return torch.Generator(place).manual_seed(seed)
