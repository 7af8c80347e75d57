"""How much of an encoder's bare forward throughput is left when images come from files.

    python benchmarks/embedding.py [--images 10000] [--encoder resnet18] [--side 512] [--rounds 3]

Both are measured in one run, in turns: bare = forward passes over prepared batches already in
memory; embedded = JPEG files decoded, prepared, embedded and written to the cache. Throughput does
not depend on the weights, so random ones will do. Writes results/embedding.md.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from relabel.learning.encoders.embed import embed
from relabel.learning.encoders.registry import load_encoder
from relabel.media.image.decode import open_picture
from torchvision import models

OUT = Path(__file__).resolve().parent / "results" / "embedding.md"
BATCH = 64


def photographs(folder: Path, count: int, side: int) -> list[Path]:
    """Write JPEGs that are as hard to decode as photographs: smooth shapes with some grain."""
    rng = np.random.default_rng(0)
    paths = []
    for index in range(count):
        shapes = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(shapes.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.integers(-8, 9, smooth.shape, dtype=np.int16)
        paths.append(folder / f"{index}.jpg")
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def bare(encoder: str, weights: Path, images: int) -> float:
    """Return images per second of forward passes alone."""
    network = load_encoder(encoder, weights).network
    batch = torch.zeros(BATCH, 3, 224, 224, dtype=torch.uint8)
    with torch.inference_mode():
        network(batch[:8])
        start = time.perf_counter()
        for done in range(0, images, BATCH):
            network(batch[: min(BATCH, images - done)])
        return images / (time.perf_counter() - start)


def embedded(encoder: str, weights: Path, paths: list[Path], cache: Path) -> float:
    """Return images per second from files to the cache, the loading of the network included."""
    start = time.perf_counter()
    result = embed(
        lambda row: open_picture(paths[row].read_bytes(), max_pixels=10**8),
        [path.name for path in paths],
        encoder=encoder,
        weights=weights,
        cache=cache,
        batch_size=BATCH,
    )
    assert result.computed == len(paths)
    return len(paths) / (time.perf_counter() - start)


def main() -> None:
    """Measure in turns and write the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--side", type=int, default=512, help="pixels per side of the files")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ratios, lines = (
        [],
        ["| round | bare, images/s | from files, images/s | ratio |", "|---" * 4 + "|"],
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "weights.pth"
        torch.save(models.get_model(args.encoder).state_dict(), weights)
        paths = photographs(folder, args.images, args.side)
        for round_ in range(args.rounds):
            before = bare(args.encoder, weights, args.images)
            from_files = embedded(args.encoder, weights, paths, folder / f"cache{round_}")
            after = bare(args.encoder, weights, args.images)
            ratios.append(from_files / np.mean([before, after]))
            figures = f"{before:.1f}, {after:.1f} | {from_files:.1f} | {ratios[-1]:.3f}"
            lines.append(f"| {round_ + 1} | {figures} |")
            print(lines[-1], flush=True)
    threads = torch.get_num_threads()
    text = [
        "# Embedding from files",
        "",
        f"    python benchmarks/embedding.py {' '.join(sys.argv[1:])}",
        "",
        f"{args.images:,} JPEGs of {args.side} px, {args.encoder}, {threads} threads.",
        "",
        *lines,
        "",
        f"Median ratio {np.median(ratios):.3f}.",
        "",
    ]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text("\n".join(text))
    print(OUT.read_text())


if __name__ == "__main__":
    main()
