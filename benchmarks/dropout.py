"""What our own dropout saves: a head trained with it, and with torch's, in turns.

    OMP_NUM_THREADS=1 python benchmarks/dropout.py [--tasks 5000] [--rounds 5]

Vectors of 512 random numbers and random labels: only the time is of interest. Writes
results/dropout.md.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from relabel.learning import networks
from relabel.learning.selection import TrainingData
from relabel.learning.selectors import select
from torch import nn

OUT = Path(__file__).resolve().parent / "results" / "dropout.md"
FORWARDS = {"ours": networks.Dropout.forward, "torch's": nn.Dropout.forward}


def seconds(data: TrainingData, which: str) -> float:
    """Return how long training the head takes with one of the two."""
    networks.Dropout.forward = FORWARDS[which]  # type: ignore[method-assign]
    start = time.perf_counter()
    select("vanilla", data, {"epochs": 15}, seed=0)
    return time.perf_counter() - start


def main() -> None:
    """Measure in turns and write the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    data = TrainingData(
        np.arange(args.tasks),
        np.eye(10, dtype=np.int64)[rng.integers(0, 10, args.tasks)],
        rng.standard_normal((args.tasks, 512), dtype=np.float32),
    )
    seconds(data, "ours")  # the first training also loads libraries
    ratios = [seconds(data, "ours") / seconds(data, "torch's") for _ in range(args.rounds)]
    text = f"""# Dropout

    OMP_NUM_THREADS={torch.get_num_threads()} python benchmarks/dropout.py

Training a head of 256 on {args.tasks:,} vectors of 512, {torch.get_num_threads()} thread(s): with
our dropout it takes {np.median(ratios):.2f} of the time (median of {args.rounds} rounds, \
{min(ratios):.2f} to {max(ratios):.2f}).
"""
    OUT.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
