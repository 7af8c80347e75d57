"""ResNet-18 and ResNet-50 for images of some dozen pixels a side.

He et al. 2016, Deep residual learning for image recognition, Table 1, with a stem of one 3 x 3
convolution and without its pooling: of 32 pixels the stem for photographs would leave 8 to the
first block. The bottleneck of ResNet-50 halves the maps in its 3 x 3 convolution, as torchvision's
does.
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import relu

EXPANSION = 4
"""Channels that leave a bottleneck, over those within it."""

Block = Callable[[int, int, int], nn.Sequential]
"""block(channels before, width, stride) -> what it learns, beside what it carries on."""


def convolution(before: int, after: int, size: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of `size` x `size` that keeps the sides, and its normalisation."""
    layer = nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(after))


def basic(before: int, width: int, stride: int) -> nn.Sequential:
    """Return two convolutions of 3 x 3."""
    first, second = convolution(before, width, 3, stride), convolution(width, width, 3)
    return nn.Sequential(first, nn.ReLU(inplace=True), second)


def bottleneck(before: int, width: int, stride: int) -> nn.Sequential:
    """Return a convolution of 3 x 3 between two of one pixel, the last of which widens."""
    return nn.Sequential(
        convolution(before, width, 1),
        nn.ReLU(inplace=True),
        convolution(width, width, 3, stride),
        nn.ReLU(inplace=True),
        convolution(width, EXPANSION * width, 1),
    )


DEPTHS: dict[int, tuple[Block, int, tuple[int, ...]]] = {
    18: (basic, 1, (2, 2, 2, 2)),
    50: (bottleneck, EXPANSION, (3, 4, 6, 3)),
}
"""By depth: the block, channels that leave it over its width, blocks at each size of the maps."""


class Residual(nn.Module):
    """A block: what it learns is added to what it carries on."""

    def __init__(self, learnt: nn.Sequential, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.learnt = learnt
        same = before == after and stride == 1
        self.carried = nn.Identity() if same else convolution(before, after, 1, stride)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (B, after, H / stride, W / stride)."""
        return relu(self.learnt(maps) + self.carried(maps))


class ResNet(nn.Module):
    """ResNet of one of `DEPTHS` for small images (B, C, H, W); features (B, 512 or 2048) >= 0."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        block, widens, blocks = DEPTHS[depth]
        layers: list[nn.Module] = [convolution(channels, 64, 3), nn.ReLU(inplace=True)]
        before = 64
        for level, count in enumerate(blocks):
            width = 64 * 2**level
            for index in range(count):
                stride = 2 if level and not index else 1
                after = widens * width
                layers.append(Residual(block(before, width, stride), before, after, stride))
                before = after
        self.layers = nn.Sequential(*layers)
        self.features = before

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean over the image of the last feature maps."""
        features: Tensor = self.layers(images - 0.5).mean((2, 3))
        return features
