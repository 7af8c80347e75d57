"""DINOv2's small vision transformer, for its published weights (Oquab et al. 2023)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

WIDTH = 384
HEADS = 6
DEPTH = 12
PATCH = 14
PRETRAINED_SIDE = 37  # patches per side that the positions were learnt for (518 px)


class VisionTransformer(nn.Module):
    """ViT-S/14: images (B, 3, H, W), sides multiples of 14, to class tokens (B, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.mask_token = nn.Parameter(torch.zeros(1, WIDTH))  # in the file; for training only
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + PRETRAINED_SIDE**2, WIDTH))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, PATCH, PATCH)})
        self.blocks = nn.ModuleList([Block() for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        """Return the class token after the last block."""
        maps = self.patch_embed["proj"](images)
        patches = maps.flatten(2).transpose(1, 2) + self._positions(*maps.shape[2:])
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(images), -1, -1)
        tokens = torch.cat([first, patches], 1)
        for block in self.blocks:
            tokens = block(tokens)
        last: Tensor = self.norm(tokens)[:, 0]
        return last

    def _positions(self, rows: int, columns: int) -> Tensor:
        side = PRETRAINED_SIDE
        grid = self.pos_embed[:, 1:].view(1, side, side, WIDTH).permute(0, 3, 1, 2)
        sized = interpolate(grid, (rows, columns), mode="bicubic", antialias=False)
        return sized.flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Attention and a perceptron, each scaled before it is added."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(WIDTH, 3 * WIDTH), "proj": nn.Linear(WIDTH, WIDTH)}
        )
        self.ls1 = Scale()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)}
        )
        self.ls2 = Scale()

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (B, L, 384)."""
        tokens = tokens + self.ls1(self._attend(self.norm1(tokens)))
        hidden = nn.functional.gelu(self.mlp["fc1"](self.norm2(tokens)))
        changed: Tensor = tokens + self.ls2(self.mlp["fc2"](hidden))
        return changed

    def _attend(self, tokens: Tensor) -> Tensor:
        batch, length, _ = tokens.shape
        parts = self.attn["qkv"](tokens).view(batch, length, 3, HEADS, WIDTH // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.attn["proj"](seen.transpose(1, 2).reshape(batch, length, WIDTH))
        return mixed


class Scale(nn.Module):
    """A learnt factor per dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens, scaled."""
        return tokens * self.gamma
