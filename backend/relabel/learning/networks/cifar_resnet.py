"""Convolutional bodies for small images."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import normalize, pad, relu


class SmallImages(nn.Module):
    """Four convolutions; features (B, 128). For a first look on a machine without accelerator."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        widths = (channels, width, width * 2, width * 4, width * 4)
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(widths)):
            stride = 1 if index == 0 else 2
            layers += [
                nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean over the image of the last feature maps."""
        features: Tensor = self.layers(images - 0.5).mean((2, 3))
        return features


class BasicBlock(nn.Module):
    """Two convolutions around which the input is carried (He et al. 2016)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.stride = stride
        self.extra = after - before

    def forward(self, maps: Tensor) -> Tensor:
        """Add what the block learns; a narrower input is thinned out and padded with zeros."""
        learnt = relu(self.first_norm(self.first(maps)))
        learnt = self.second_norm(self.second(learnt))
        carried = maps[:, :, :: self.stride, :: self.stride]
        return relu(learnt + pad(carried, (0, 0, 0, 0, 0, self.extra)))


class CifarResNet(nn.Module):
    """ResNet for 32 px images, 16 to 64 channels, L2-normalised features (B, 64) scaled by 10.

    depth: 6 n + 2, for example 20 or 110.
    """

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        layers: list[nn.Module] = [
            nn.Conv2d(channels, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
        ]
        before = 16
        for width in (16, 32, 64):
            for index in range(blocks):
                stride = 2 if width > 16 and index == 0 else 1
                layers.append(BasicBlock(before, width, stride))
                before = width
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalised mean over the image of the last feature maps."""
        return 10 * normalize(self.layers(images - 0.5).mean((2, 3)))
