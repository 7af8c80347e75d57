"""Features from the images alone first, then classifiers on them."""

from dataclasses import replace
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from relabel.learning.architectures import architecture_of, inputs_of
from relabel.learning.arguments import TrainingArguments, run_of
from relabel.learning.batches import Batches
from relabel.learning.bootstrap import BootstrapLatent, two_views
from relabel.learning.checkpoints import Checkpoint, fingerprint
from relabel.learning.loop import fit
from relabel.learning.networks import AsFloat, Output
from relabel.learning.objectives import Supervised
from relabel.learning.recipes.peers import exchange
from relabel.learning.selection import Run, Selection, TrainingData
from relabel.learning.training import Training, half_cosine
from relabel.learning.weighting import Uniform
from relabel.types import Float32Array

LOGIT_BOUND = 10.0
"""The penalty is on 10 tanh(z / 10) (Bernhardt et al. 2022)."""

WARM_UP = 0.05  # share of the pre-training over which the learning rate rises


def ssl_linear(
    data: TrainingData,
    *,
    body: str = "small_cnn",
    pretrain_epochs: int = 100,
    pretrain_batch: int = 256,
    smoothing: float = 0.1,
    logit_penalty: float = 0.3,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Train a linear head on features of BYOL (Bernhardt et al. 2022, SSL-Linear).

    Args:
        data: needs `images`; all are used for pre-training, labelled or not.
        body: the network that is pre-trained, one of `ARCHITECTURES` that reads images.
        pretrain_epochs: of BYOL.
        pretrain_batch: images per batch of BYOL.
        smoothing: share of each target that is spread over all classes.
        logit_penalty: weight of the mean square of the bounded logits.
        **arguments: of the head, see `TrainingArguments`.
    """
    encoder, _ = pretrained(data, run_of(arguments), body, pretrain_epochs, pretrain_batch)
    vectors = encoded(encoder, inputs_of(data, architecture_of(body, data)), run_of(arguments))
    arguments["network"] = arguments.get("network") or "linear_head"
    training = Training.of(replace(data, vectors=vectors, images=None), arguments)
    peers = training.peers()
    objective = Supervised(
        peers,
        Uniform(),
        smoothing=smoothing,
        penalty=lambda output: logit_penalty * bounded_logits(output),
    )
    record = training.fit(objective, peers, stage="head")
    return training.selection(peers, record | {"pretrain_epochs": pretrain_epochs})


def ssl_co_teaching(
    data: TrainingData,
    *,
    body: str = "small_cnn",
    pretrain_epochs: int = 100,
    pretrain_batch: int = 256,
    forget_rate: float | None = None,
    warm_up: int = 10,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Co-teach two networks that start from the same BYOL features (Bernhardt et al. 2022).

    The bodies are trained on; only the heads differ at the start.

    Args:
        data: needs `images`.
        body: the network, one of `ARCHITECTURES` that reads images.
        pretrain_epochs: of BYOL.
        pretrain_batch: images per batch of BYOL.
        forget_rate: share of each batch left out at the end; None = the estimated noise rate.
        warm_up: epochs before any task is left out, at most a third of all.
        **arguments: of the co-teaching, see `TrainingArguments`.
    """
    encoder, _ = pretrained(data, run_of(arguments), body, pretrain_epochs, pretrain_batch)
    arguments["network"] = body
    training = Training.of(data, arguments)
    peers = training.peers(2)
    for trained in peers.bodies():
        trained.load_state_dict(encoder.state_dict())
    return exchange(training, peers, forget_rate=forget_rate, ramp_epochs=1, warm_up=warm_up)


def pretrained(
    data: TrainingData, run: Run, network: str, epochs: int, batch_size: int
) -> tuple[nn.Module, int]:
    """Return a body trained by BYOL on all images of `data`, and its number of features.

    No label has a part in it, so one that is kept in `run.pretrained` serves every fold and every
    later round with the same images.
    """
    architecture = architecture_of(network, data)
    images = inputs_of(data, architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        body, features = architecture.body(images.shape[1])
        objective = BootstrapLatent(body, features).to(run.device)
    key = fingerprint(images, network, epochs, batch_size, run.seed)
    fit(
        objective.train(),
        Batches(
            images,
            torch.zeros(len(images), 1),
            torch.arange(len(images)),
            batch_size,
            run.seed,
            two_views,
            device=run.device,
        ),
        torch.optim.AdamW(objective.parameters(), lr=1e-3, weight_decay=1e-6),
        epochs=epochs,
        schedule=warmed_cosine,
        checkpoint=_kept(run, key, f"byol-{network}-{epochs}-{batch_size}-{run.seed}"),
        progress=run.progress,
        stage="byol",
    )
    return objective.encoder.eval(), features


def _kept(run: Run, key: str, name: str) -> Checkpoint | None:
    """Return where a pre-training is kept; that of other images gives way to it."""
    folder = run.pretrained or run.checkpoint
    return Checkpoint(folder / f"{name}.pt", key) if folder else None


@torch.inference_mode()
def encoded(encoder: nn.Module, images: Tensor, run: Run) -> Float32Array:
    """Return L2-normalised features (N, F) of images (N, C, H, W), evaluated once."""
    ready = nn.Sequential(AsFloat(), encoder).eval()
    parts = [ready(part.to(run.device)).float().cpu() for part in torch.split(images, 512)]
    vectors: Float32Array = normalize(torch.cat(parts)).numpy()
    return vectors


def bounded_logits(output: Output) -> Tensor:
    """Return the mean square of the softly bounded logits, summed over networks."""
    bounded = LOGIT_BOUND * torch.tanh(output.logits / LOGIT_BOUND)
    return bounded.square().mean((1, 2)).sum()


def warmed_cosine(progress: float) -> float:
    """Return the factor of the learning rate: a linear rise, then half a cosine."""
    if progress < WARM_UP:
        return (progress + 1e-3) / (WARM_UP + 1e-3)
    return half_cosine((progress - WARM_UP) / (1 - WARM_UP))
