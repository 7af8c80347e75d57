"""Frozen features of the CIFAR-10 test images for the other benchmarks; nothing sees a label.

"provided": the 512 dimensions in the data folder. "wide": those beside MobileNetV2's layers, each
image shown at 160 px, mirrored too, and at 224 px, reduced to 384 dimensions.
"""

from pathlib import Path

import numpy as np
import torch
import torchvision
from relabel.types import Float32Array
from torch import nn

CACHE = Path(__file__).resolve().parent / ".cache"
TAPS = (6, 10, 13, 16, 18)  # inverted residual blocks, and the last convolution
DIMENSIONS = 384


def frozen_features(folder: Path, kind: str) -> Float32Array:
    """Return (10000, D) features of the CIFAR-10H images."""
    with np.load(folder / "cifar10h_test.npz") as file:
        provided, images = file["features"].astype(np.float32), file["x"]
    if kind == "provided":
        return provided
    views = {}
    for side, mirrored in ((160, False), (160, True), (224, False)):
        kept = CACHE / f"mobilenet_v2_{side}{'_mirrored' if mirrored else ''}.npz"
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            shown = images[:, :, ::-1].copy() if mirrored else images
            np.savez(kept, **layers(folder, shown, side))
        with np.load(kept) as file:
            views[kept.stem] = blocks([file[f"block{tap}"] for tap in TAPS])
    small = views["mobilenet_v2_160"] + views["mobilenet_v2_160_mirrored"]
    wide = np.hstack([2 * blocks([provided]), small / np.sqrt(2), views["mobilenet_v2_224"]])
    torch.manual_seed(0)
    left, scales, _ = torch.pca_lowrank(torch.from_numpy(wide), DIMENSIONS, niter=1)
    reduced: Float32Array = (left * scales).numpy()
    return reduced


def blocks(layers: list[np.ndarray]) -> Float32Array:
    """Return the layers side by side, each centred and of length one per image."""
    centred = [layer.astype(np.float32) - layer.astype(np.float32).mean(0) for layer in layers]
    return np.hstack([c / np.linalg.norm(c, axis=1, keepdims=True) for c in centred])


@torch.inference_mode()
def layers(folder: Path, images: np.ndarray, side: int) -> dict[str, np.ndarray]:
    """Return the spatial means (N, C) of some of MobileNetV2's layers."""
    network = mobilenet(folder / "mobilenet_v2_imagenet_tv_fp16.pth")
    found: dict[str, list[np.ndarray]] = {f"block{tap}": [] for tap in TAPS}
    for start in range(0, len(images), 50):
        batch = torch.from_numpy(images[start : start + 50]).permute(0, 3, 1, 2).float()
        batch = nn.functional.interpolate(batch, size=(side, side), mode="bicubic")
        maps = (batch.clamp(0, 255) / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            for index, layer in enumerate(network.features):
                maps = layer(maps)
                if index in TAPS:
                    found[f"block{index}"].append(maps.float().mean((2, 3)).half().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def mobilenet(path: Path) -> nn.Module:
    """Return MobileNetV2 with weights that were trained under TensorFlow's padding.

    There a convolution of stride 2 pads at the right and bottom only.
    """
    state = torch.load(path, weights_only=True)
    network = torchvision.models.mobilenet_v2()
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    )
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and child.stride == (2, 2) and child.padding == (1, 1):
                child.padding = (0, 0)
                setattr(module, name, nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), child))
    return network.eval().to(memory_format=torch.channels_last)
