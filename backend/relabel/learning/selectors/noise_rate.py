"""How many labels are wrong, for those who need to know before anything is cleaned."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import interpolate

from relabel.learning.data import ImageArray, Run, TrainingData
from relabel.learning.encoders.tiny import SIDE, Tiny
from relabel.learning.selectors.linear import linear
from relabel.numerics.labels import among_likeliest
from relabel.types import Float32Array, IntArray

SUREST = 0.2
"""Share of the tasks that the estimate looks at."""

HIGHEST = 0.9  # a forget rate of 1 would leave nothing to learn from


def disagreement_of_the_sure(probs: Float32Array, labels: IntArray) -> float:
    """Return how often the label contradicts out-of-sample posteriors where they are surest.

    There the posterior is hardly ever wrong itself, so what contradicts it is wrong labels. On
    CIFAR-10 with a linear head that is right for 0.75 of the images: uniform noise of 0, 0.19, 0.40
    and 0.59 is estimated as 0.01, 0.21, 0.43 and 0.62; noise that prefers hard images is
    underestimated, 0.15 as 0.09 and 0.29 as 0.20.

    Args:
        probs: (N, K) out-of-sample posteriors.
        labels: (N,) given classes; -1 = unlabelled, left out.
    """
    labelled = labels >= 0
    sureness = probs[labelled].max(1)
    sure = sureness >= np.quantile(sureness, 1 - SUREST)
    wrong = ~among_likeliest(probs[labelled][sure], labels[labelled][sure])
    return float(min(wrong.mean(), HIGHEST))


def estimated_noise_rate(data: TrainingData, run: Run) -> float:
    """Return the estimated share of wrong labels in [0, 0.9].

    It comes from a cross-fitted linear head on the embeddings, or, without any, on small pixels and
    gradients of the images.
    """
    if data.vectors is None and data.images is not None:
        data = replace(data, vectors=described(data.images))
    out_of_sample = linear(data, seed=run.seed, device=run.device)
    return disagreement_of_the_sure(out_of_sample.posteriors.probs, data.labels)


def described(images: ImageArray) -> Float32Array:
    """Return vectors (N, D) of images (N, H, W, C) that need no trained network."""
    encoder = Tiny()
    vectors = []
    for start in range(0, len(images), 512):
        batch = torch.from_numpy(images[start : start + 512]).permute(0, 3, 1, 2).float() / 255
        batch = batch.expand(-1, 3, -1, -1) if batch.shape[1] == 1 else batch
        vectors.append(encoder(interpolate(batch, (SIDE, SIDE), mode="area")))
    found: Float32Array = torch.cat(vectors).numpy()
    return found
