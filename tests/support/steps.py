"""What one step of a training sees, made by hand."""

import torch
from relabel.learning.batches import Batch
from relabel.learning.networks.side_by_side import Output
from relabel.learning.training.weighting import Step
from torch import nn


def step(losses, *, progress=0.99, logits=None, features=None, targets=None):
    losses = torch.tensor(losses)
    peers, size = losses.shape
    return Step(
        rows=torch.arange(size),
        losses=losses,
        logits=torch.zeros(peers, size, 3) if logits is None else torch.tensor(logits),
        features=torch.zeros(peers, size, 2) if features is None else torch.tensor(features),
        targets=torch.eye(3)[torch.zeros(size, dtype=int)] if targets is None else targets,
        progress=progress,
    )


class Says(nn.Module):
    """A network that gives the same logits whatever it sees."""

    def __init__(self, probs):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probs).log()[None])

    def forward(self, inputs):
        return Output(self.logits[:, : len(inputs)], inputs[None])


def batch(labels, classes=3):
    targets = torch.eye(classes)[torch.tensor(labels)]
    return Batch(torch.arange(len(labels)), torch.zeros(len(labels), 1), targets)
