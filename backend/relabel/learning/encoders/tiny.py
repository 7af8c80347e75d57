"""An encoder without a network: small grey pixels, coarse colour and gradient orientations.

It needs no weights and no accelerator. It suits small, centred pictures (digits, symbols, clothes);
photographs need one of the networks. Orientation histograms follow Dalal & Triggs (2005), here with
one normalisation over the whole image and the square root of each cell.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize, pad

SIDE = 32  # pixels per side that gradients are taken on
GREY = 8  # pixels per side of the grey thumbnail
COLOUR = 4  # pixels per side of the thumbnail of colour differences
CELLS = 4  # histogram cells per side
BINS = 8  # orientations in half a turn
GRADIENTS = 2.0
"""Weight of the gradients beside the pixels: with 20 % wrong labels on digits, a linear head is
right for 98.6 % of the images at 2 and for 98.3 % at 1."""


class Tiny(nn.Module):
    """Describes images (B, 3, 32, 32) in [0, 1] by vectors (B, 224); nothing in it is learnt."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the descriptions, not normalised as a whole."""
        grey = images.mean(1, keepdim=True)
        colour = torch.cat([images[:, :1] - grey, images[:, 2:] - grey], 1)
        thumbnail = avg_pool2d(grey, SIDE // GREY).flatten(1)
        parts = [
            normalize(thumbnail - thumbnail.mean(1, keepdim=True)),
            avg_pool2d(colour, SIDE // COLOUR).flatten(1),
            GRADIENTS * normalize(orientations(grey[:, 0]).sqrt()),
        ]
        return torch.cat(parts, 1)


def orientations(grey: Tensor) -> Tensor:
    """Return how much gradient each cell has in each direction, (B, CELLS * CELLS * BINS) >= 0.

    grey: (B, H, H), H a multiple of CELLS. A gradient between two directions counts for both.
    """
    across = pad(grey[:, :, 2:] - grey[:, :, :-2], (1, 1)) / 2
    down = pad(grey[:, 2:] - grey[:, :-2], (0, 0, 1, 1)) / 2
    strength = torch.hypot(across, down)
    direction = torch.remainder(torch.atan2(down, across), math.pi) * (BINS / math.pi)
    centres = torch.arange(BINS, device=grey.device).view(1, -1, 1, 1)
    away = (direction[:, None] - centres).abs()
    share = (1 - torch.minimum(away, BINS - away)).clamp_min(0)
    return avg_pool2d(share * strength[:, None], grey.shape[-1] // CELLS).flatten(1)
