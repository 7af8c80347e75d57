"""Which tasks of rare classes co-teaching keeps, with and without variance of gradients.

    python benchmarks/long_tail.py [--data FOLDER] [--inputs pixels] [--seeds 3] [--mix 0.2,0.5]

Long-tailed CIFAR-10: class sizes fall by a factor of 100 and 40 % of the labels are wrong
(uniform), as in Khanal et al. 2024; a small CNN learns from the pixels, or a head from frozen
features. A third of the epochs is warm-up, over another third the forget rate rises. Both selectors
keep the same share of every batch. Reported: how many clean tasks of the three rarest classes are
kept. Writes results/long_tail_INPUTS.md, seed after seed.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from relabel.learning.data import ImageArray, TrainingData
from relabel.learning.selectors.registry import select
from relabel.types import Float32Array, FloatArray, IntArray

RESULTS = Path(__file__).resolve().parent / "results"
CLASSES = 10
IMBALANCE = 100
NOISE = 0.4
RAREST = 3


def long_tail(truth: IntArray, largest: int, rng: np.random.Generator) -> IntArray:
    """Return rows of a sample whose class sizes fall exponentially, the last class the rarest."""
    sizes = [int(largest * IMBALANCE ** (-c / (CLASSES - 1))) for c in range(CLASSES)]
    chosen = [rng.permutation(np.flatnonzero(truth == c))[:size] for c, size in enumerate(sizes)]
    return np.sort(np.concatenate(chosen))


def noisy(truth: IntArray, rng: np.random.Generator) -> IntArray:
    """Give 40 % of the tasks another class, each with equal chance."""
    labels = truth.copy()
    rows = np.flatnonzero(rng.random(len(truth)) < NOISE)
    labels[rows] = (truth[rows] + rng.integers(1, CLASSES, len(rows))) % CLASSES
    return labels


def pixels(folder: Path, rows: IntArray) -> ImageArray:
    """Return the images (n, 32, 32, 3) of some training rows."""
    with np.load(folder / "cifar10_train_jpeg.npz") as file:
        blob, offsets = file["jpeg"], file["offsets"]
    files = (io.BytesIO(blob[offsets[row] : offsets[row + 1]].tobytes()) for row in rows)
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


def features(folder: Path, rows: IntArray) -> Float32Array:
    """Return the frozen features (n, 512) of some training rows."""
    with np.load(folder / "cifar10_train_features.npz") as file:
        vectors: Float32Array = file["features_int8"][rows].astype(np.float32) * file["scale"]
    return vectors


def kept(data: TrainingData, truth: IntArray, name: str, options: dict, seed: int) -> list[float]:
    """Return: rare clean tasks kept and in all, precision of the kept, share kept, seconds.

    What is kept is the mean of the two networks, each of which keeps the same number.
    """
    selection = select(name, data, {"forget_rate": NOISE, **options}, seed=seed)
    chosen = selection.contribution
    clean = data.labels == truth
    rare = truth >= CLASSES - RAREST
    return [
        float(chosen[clean & rare].sum()),
        int((clean & rare).sum()),
        float(chosen[clean].sum() / chosen.sum()),
        float(chosen.mean()),
        float(selection.record["seconds"]),
    ]


def main() -> None:
    """Compare the two and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--inputs", choices=["pixels", "features"], default="pixels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--largest", type=int, default=5_000, help="size of the largest class")
    parser.add_argument("--mix", default="0.2,0.5,0.8", help="shares chosen by variance")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=128)
    args = parser.parse_args()
    if not (args.data / "cifar10_train_features.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10 features in {args.data}.")
    with np.load(args.data / "cifar10_train_jpeg.npz") as file:
        truth = file["y"].astype(np.int64)
    ways = {"co_teaching": ("co_teaching", {})}
    for mix in args.mix.split(","):
        ways[f"co_teaching_vog, mix {mix}"] = ("co_teaching_vog", {"mix": float(mix)})
    shared = {"epochs": args.epochs, "batch_size": args.batch_size}
    shared |= {"warm_up": args.epochs // 3, "ramp_epochs": args.epochs // 3}
    if args.inputs == "pixels":
        shared |= {"network": "small_cnn", "mixed_precision": True}
    found: dict[str, list[list[float]]] = {way: [] for way in ways}
    out = RESULTS / f"long_tail_{args.inputs}.md"
    for seed in range(args.seeds):
        rng = np.random.default_rng(seed)
        rows = long_tail(truth, args.largest, rng)
        counts = np.eye(CLASSES, dtype=np.int64)[noisy(truth[rows], rng)]
        data = given(args.inputs, args.data, rows, counts)
        for way, (name, options) in ways.items():
            found[way].append(kept(data, truth[rows], name, shared | options, seed))
            print(seed, way, np.round(found[way][-1], 3).tolist(), flush=True)
        command = f"python benchmarks/long_tail.py {' '.join(sys.argv[1:])}"
        out.write_text(report(found, command, args.inputs))
    print(out.read_text())


def given(inputs: str, folder: Path, rows: IntArray, counts: IntArray) -> TrainingData:
    """Return what a selector is given of some training rows."""
    if inputs == "pixels":
        return TrainingData(np.arange(len(rows)), counts, images=pixels(folder, rows))
    return TrainingData(np.arange(len(rows)), counts, features(folder, rows))


def report(found: dict[str, list[list[float]]], command: str, inputs: str) -> str:
    """Return the table; ratios are to co_teaching on the same seed."""
    base = np.array(found["co_teaching"])
    setting = f"Long-tailed CIFAR-10 (imbalance {IMBALANCE}), {NOISE:.0%} uniform noise"
    title = {"pixels": "from pixels", "features": "frozen features"}[inputs]
    lines = [f"# Rare classes under co-teaching, {title}", "", f"    {command}", ""]
    lines += [f"{setting}, {len(base)} seeds, mean (least, most).", ""]
    heads = (
        "selector|rare clean kept|by chance|of|x co_teaching|clean among kept|kept of all|seconds"
    )
    lines += [f"| {heads.replace('|', ' | ')} |", "|---" * 8 + "|"]
    for way, values in found.items():
        table = np.array(values)
        ratio = table[:, 0] / np.maximum(base[:, 0], 1)
        chance = by_chance(base, float(way.split()[-1])).mean() if "mix" in way else np.nan
        lines.append(
            f"| {way} | {table[:, 0].mean():.1f} | {'-' if np.isnan(chance) else f'{chance:.1f}'} "
            f"| {table[:, 1].mean():.0f} "
            f"| {ratio.mean():.2f} ({ratio.min():.2f}, {ratio.max():.2f}) "
            f"| {table[:, 2].mean():.3f} | {table[:, 3].mean():.3f} | {table[:, 4].mean():.0f} |"
        )
    lines += ["", "By chance: expected if the variance's share were drawn at random instead."]
    return "\n".join([*lines, ""])


def by_chance(base: FloatArray, mix: float) -> FloatArray:
    """Return the rare clean tasks (seeds,) expected of a random choice in place of the variance.

    base: co_teaching's rows of `kept`. Of what the loss alone keeps, the share 1 - mix stays; the
    same number is drawn from all that is then left.
    """
    by_loss = (1 - mix) * base[:, 0]
    share = mix * base[:, 3] / (1 - (1 - mix) * base[:, 3])
    found: FloatArray = by_loss + (base[:, 1] - by_loss) * share
    return found


if __name__ == "__main__":
    main()
