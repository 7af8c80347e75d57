"""BYOL on unlabelled CIFAR-10 images, then a linear head for cleaning CIFAR-10H at 30 % noise.

    python benchmarks/self_supervision.py [--data FOLDER] [--images 60000] [--epochs 200]
        [--body cifar_resnet20] [--device cuda]

Pre-trains on CIFAR-10H's images and as many of the training images as asked for, then compares the
votes to 90 % and 95 % right labels of `ssl_linear` with those of random order, and the accuracy of
the head on held-out truth with the figures of Bernhardt et al. 2022, Table 1. Writes
results/self_supervision.md; a run on a subset says so there.
"""

import argparse
import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from relabel.learning.data import ImageArray, Run, TrainingData
from relabel.learning.networks.registry import ARCHITECTURES, inputs_of
from relabel.learning.selectors.ssl_linear import encoded
from relabel.learning.ssl.byol import pretrained
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Setting
from relabel.simulation.experiment.summary import summarise

OUT = Path(__file__).resolve().parent / "results" / "self_supervision.md"
PUBLISHED = "Bernhardt et al. 2022, Table 1 (30 % noise, SSL): 78.7 before cleaning, 80.3 after"


def main() -> None:
    """Pre-train, clean, and write the comparison."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--body", default="cifar_resnet20", choices=list(ARCHITECTURES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if not (args.data / "cifar10h_test.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10H in {args.data}.")
    data = load_dataset("cifar10h", args.data)
    kept = min(args.images, len(data))
    data = data.rows(np.arange(kept))
    images = np.concatenate([data.images, more_images(args.data, args.images - kept)])
    unlabelled = TrainingData(
        np.arange(len(images)), np.zeros((len(images), 10), dtype=np.int64), images=images
    )
    run = Run(0, args.device)
    body, features = pretrained(unlabelled, run, args.body, args.epochs, args.batch)
    mine = replace(unlabelled, task_ids=np.arange(kept), counts=unlabelled.counts[:kept])
    mine = replace(mine, images=images[:kept])
    vectors = encoded(body, inputs_of(mine, ARCHITECTURES[args.body]), run)
    setting = Setting(replace(data, features=vectors), "temperature", 0.30)
    methods = tuple(Method(name, "tiered_phi") for name in ("linear", "vanilla"))
    runs = run_experiment(setting, methods, tuple(range(args.seeds)))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(report(args, features, summarise(setting, methods, runs)))
    print(OUT.read_text())


def more_images(folder: Path, count: int) -> ImageArray:
    """Return the first `count` training images (count, 32, 32, 3)."""
    if count <= 0:
        return np.zeros((0, 32, 32, 3), dtype=np.uint8)
    with np.load(folder / "cifar10_train_jpeg.npz") as file:
        blob, offsets = file["jpeg"], file["offsets"]
    files = (blob[offsets[row] : offsets[row + 1]].tobytes() for row in range(count))
    return np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])


def report(args: argparse.Namespace, features: int, rows: list[dict]) -> str:
    """Return the note."""
    scale = f"{args.images:,} images, {args.epochs} epochs, {args.body}, {features} features"
    lines = ["# Self-supervision before cleaning", ""]
    lines += [
        f"    python benchmarks/self_supervision.py {' '.join(sys.argv[1:])}",
        "",
        f"{scale}.",
    ]
    if args.images < 60_000 or args.epochs < 200:
        lines += ["", "A run on a subset, to show that it works; no comparison with the paper."]
    lines += ["", f"{PUBLISHED}.", "", "| ranking | x random to 0.90 | x to 0.95 | relative area |"]
    lines += ["|---|---|---|---|"]
    for row in rows:
        ratios = [row["ratio_to_random"][target] for target in ("0.90", "0.95")]
        shown = ["-" if r is None else f"{r:.2f}" for r in ratios]
        lines.append(f"| {row['method']} | {' | '.join(shown)} | {row['relative_area']:.3f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
