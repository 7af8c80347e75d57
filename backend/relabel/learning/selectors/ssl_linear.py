"""SSL-Linear: a linear head on features that BYOL has learnt from the images alone.

Batch: cross-entropy with smoothed votes, averaged over the batch, plus logit_penalty * the mean
square of the softly bounded logits.
Task: 1.
Defaults: smoothing 0.1, penalty 0.3, as the published code has them; BYOL for 100 epochs.
Source: Bernhardt et al. 2022, Active label cleaning for improved dataset quality under resource
constraints, Methods; the features: `relabel.learning.ssl.byol`.
"""

from dataclasses import replace
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from relabel.learning.data import Run, Selection, TrainingData
from relabel.learning.networks.registry import architecture_of, inputs_of
from relabel.learning.networks.side_by_side import AsFloat, Output
from relabel.learning.ssl.byol import pretrained
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments, run_of
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Uniform
from relabel.types import Float32Array

LOGIT_BOUND = 10.0
"""The penalty is on 10 tanh(z / 10) (Bernhardt et al. 2022)."""


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
    encoder, _ = pretrained(
        data,
        run_of(arguments),
        body,
        pretrain_epochs,
        pretrain_batch,
        mixed_precision=arguments.get("mixed_precision", False),
    )
    vectors = encoded(encoder, inputs_of(data, architecture_of(body, data)), run_of(arguments))
    arguments["network"] = arguments.get("network") or "linear_head"
    training = Training.of(replace(data, vectors=vectors, images=None), arguments)
    network = training.peers()
    objective = Supervised(
        network,
        Uniform(),
        smoothing=smoothing,
        penalty=lambda output: logit_penalty * bounded_logits(output),
    )
    record = training.fit(objective, network, stage="head")
    return training.selection(network, record | {"pretrain_epochs": pretrain_epochs})


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
