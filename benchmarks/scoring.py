"""Time of every score on a million tasks, beside cleanlab's, in the same run.

    python benchmarks/scoring.py [--tasks 1000000] [--classes 10]

Seconds are processor time on one thread, the least of several interleaved repeats: on a machine
that others use too, wall-clock times say more about them.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import cleanlab
import numpy as np
from cleanlab.rank import get_label_quality_scores
from relabel.numerics.scoring import SCORES

RESULT = Path(__file__).parent / "results" / "scoring.md"
METHODS = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def least(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the least processor seconds of each call, taking turns."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return best


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(options.classes, 0.3), options.tasks)
    labels = rng.integers(0, options.classes, options.tasks)
    counts = np.eye(options.classes, dtype=np.int64)[labels]

    def ours(name: str) -> Callable[[], object]:
        extra = {"rng": rng} if name == "random" else {}
        return lambda: SCORES[name](counts, probs, labels=labels, **extra)

    def theirs(method: str) -> Callable[[], object]:
        return lambda: get_label_quality_scores(labels, probs, method=method)

    calls = {f"relabel {name}": ours(name) for name in SCORES}
    calls |= {f"cleanlab {method}": theirs(method) for method in METHODS}
    seconds = least(calls, options.repeats)
    peer = seconds["cleanlab self_confidence"]
    lines = [
        "# Scores",
        "",
        (
            f"`python benchmarks/scoring.py`: {options.tasks:,} tasks, {options.classes} classes, "
            f"one thread, least of {options.repeats} repeats; cleanlab {cleanlab.__version__}, "
            f"numpy {np.__version__}. "
            "cleanlab's default method is self_confidence."
        ),
        "",
        "| score | processor seconds | times cleanlab's default |",
        "|---|---|---|",
        *(f"| {name} | {spent:.3f} | {spent / peer:.2f} |" for name, spent in seconds.items()),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULT.write_text(text)


if __name__ == "__main__":
    main()
