"""BYOL: features from images alone, by predicting one view's projection from another's.

Batch: 2 - 2 cos between the online network's guess and the target network's projection of the other
view, in both directions; every image counts the same, labelled or not.
Defaults: AdamW at 1e-3, its rate risen over the first twentieth, then half a cosine.
Source: Grill et al. 2020, Bootstrap your own latent; momentum as in Bernhardt et al. 2022.
"""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from relabel.learning.augment import AUGMENTS, as_float
from relabel.learning.batches import Batch, Batches
from relabel.learning.data import Run, TrainingData
from relabel.learning.gpu import is_gpu, placed
from relabel.learning.networks.registry import architecture_of, inputs_of
from relabel.learning.training.checkpoints import Checkpoint, fingerprint
from relabel.learning.training.loop import Objective, fit
from relabel.learning.training.train import half_cosine

FIRST_MOMENTUM = 0.99
"""Share of the target network that stays at the first step (Bernhardt et al. 2022; BYOL: 0.996)."""

WARM_UP = 0.05  # share of the training over which the learning rate rises


def pretrained(
    data: TrainingData,
    run: Run,
    network: str,
    epochs: int,
    batch_size: int,
    *,
    mixed_precision: bool = False,
) -> tuple[nn.Module, int]:
    """Return a body trained by BYOL on all images of `data`, and its number of features.

    No label has a part in it, so one that is kept in `run.pretrained` serves every fold and every
    later round with the same images. mixed_precision: as in `TrainingArguments`.
    """
    architecture = architecture_of(network, data)
    images = inputs_of(data, architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        body, features = architecture.body(images.shape[1])
        objective = BootstrapLatent(body, features).to(run.device)
    # A step takes 0.85 (small CNN) to 0.88 (ResNet-20) of the time in this layout.
    objective = objective.to(memory_format=torch.channels_last)
    half = ("mixed",) if mixed_precision else ()
    key = fingerprint(images, network, epochs, batch_size, run.seed, *half)
    fit(
        objective.train(),
        Batches(
            placed(images, run.device),
            torch.zeros(len(images), 1, device=run.device),
            torch.arange(len(images)),
            batch_size,
            run.seed,
            two_views,
            device=run.device,
        ),
        torch.optim.AdamW(
            objective.parameters(), lr=1e-3, weight_decay=1e-6, fused=is_gpu(run.device) or None
        ),
        epochs=epochs,
        schedule=warmed_cosine,
        checkpoint=_kept(run, key, f"byol-{network}-{epochs}-{batch_size}-{run.seed}"),
        autocast=torch.bfloat16 if mixed_precision else None,
        progress=run.progress,
        stage="byol",
    )
    return objective.encoder.eval(), features


def _kept(run: Run, key: str, name: str) -> Checkpoint | None:
    """Return where a pre-training is kept; that of other images gives way to it."""
    folder = run.pretrained or run.checkpoint
    return Checkpoint(folder / f"{name}.pt", key) if folder else None


def two_views(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return (B, 2, C, H, W) float: two random views of each image (B, C, H, W)."""
    strong = AUGMENTS["strong"]
    if strong is None:
        return torch.stack([as_float(images)] * 2, 1)
    return torch.stack([strong(images, generator) for _ in range(2)], 1)


def projector(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return a projection or prediction head."""
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, outputs),
    )


class BootstrapLatent(Objective):
    """Bootstrap your own latent (Grill et al. 2020).

    The online network predicts the target network's projection of the other view; the target
    follows the online network slowly and has no gradient.

    Args:
        body: images (B, C, H, W) to features (B, F).
        features: F.
        hidden, outputs: widths of the heads.
        first_momentum: share of the target that stays at the first step; it rises to 1.
    """

    def __init__(
        self,
        body: nn.Module,
        features: int,
        *,
        hidden: int = 512,
        outputs: int = 128,
        first_momentum: float = FIRST_MOMENTUM,
    ) -> None:
        super().__init__()
        self.online = nn.Sequential(body, projector(features, hidden, outputs))
        self.predictor = projector(outputs, hidden, outputs)
        self.target = copy.deepcopy(self.online).requires_grad_(requires_grad=False)
        self.first_momentum = first_momentum

    @property
    def encoder(self) -> nn.Module:
        """The target network's body, which is what is kept."""
        return self.target[0]

    def cost(self, batch: Batch, progress: float) -> Tensor:
        """Return 2 - 2 cos, summed over both directions, in [0, 8]; inputs: (B, 2, C, H, W)."""
        del progress
        first, second = batch.inputs[:, 0], batch.inputs[:, 1]
        with torch.no_grad():
            wanted = self.target(second), self.target(first)
        guesses = self.predictor(self.online(first)), self.predictor(self.online(second))
        return sum(
            (distance(guess, aim) for guess, aim in zip(guesses, wanted, strict=True)),
            start=torch.zeros((), device=first.device),
        )

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the target towards the online network."""
        stay = momentum(progress, self.first_momentum)
        slow: list[Tensor] = list(self.target.parameters())
        fast: list[Tensor] = list(self.online.parameters())
        torch._foreach_lerp_(slow, fast, 1 - stay)  # one call for all of them on a GPU


def distance(guess: Tensor, aim: Tensor) -> Tensor:
    """Return the mean of 2 - 2 cos over a batch (B, F)."""
    cosine = (normalize(guess.float(), dim=-1) * normalize(aim.float(), dim=-1)).sum(-1)
    return 2 - 2 * cosine.mean()


def momentum(progress: float, first: float = FIRST_MOMENTUM) -> float:
    """Return the share of the target that stays, from `first` to 1 along half a cosine."""
    return 1 - (1 - first) * (math.cos(math.pi * progress) + 1) / 2


def warmed_cosine(progress: float) -> float:
    """Return the factor of the learning rate: a linear rise, then half a cosine."""
    if progress < WARM_UP:
        return (progress + 1e-3) / (WARM_UP + 1e-3)
    return half_cosine((progress - WARM_UP) / (1 - WARM_UP))
