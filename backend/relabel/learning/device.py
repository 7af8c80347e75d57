"""Which device is computed on: the one place where that is decided, and made repeatable."""

import torch

from relabel.errors import ConfigurationError
from relabel.settings import fix_cublas


def choose_device(name: str) -> str:
    """Return the torch device that `name` stands for, ready for a training that can be repeated.

    On CUDA every process that trains has to come by here before its first computation. There
    deterministic algorithms are used wherever there is one: without them two runs of one
    convolutional network differed by up to 0.2 in a posterior. An operation that has none warns,
    since a round that ends is worth more than one that could be repeated.

    Args:
        name: auto, cpu, cuda, cuda:1, mps; auto = CUDA where there is a card, else cpu.

    Raises:
        ConfigurationError: it cannot be used here; says why and what to set.
    """
    if name == "cpu":
        return name
    device = name
    if name == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        _touch(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"device = {name}: nothing can be computed on it here ({why}); set it to cpu, to auto "
            f"(a GPU where there is one), or install its driver and a build of torch for it."
        ) from error
    if device.startswith("cuda"):
        fix_cublas()
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
    return device


def _touch(device: str) -> None:
    torch.zeros(1, device=device)
