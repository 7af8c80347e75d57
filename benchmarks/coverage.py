"""How often the intervals that a person is shown hold the truth.

    python benchmarks/coverage.py [--seeds 200]

The audit's share of labels that people would change, at several true shares, with a model that
knows nothing and one that knows something, while a queue asks by that model, at one of the looks
that the interval holds at together (benchmarks/stopping.py looks at all); the difference between
two methods in `simulate`. A share over so many seeds is itself known to about 2 standard errors,
which stand beside it. Of the forecast, see forecasts.py. Writes results/coverage.md.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import audited_queue
from relabel.service.insight.audit import Audit, read_audit
from relabel.simulation.measure.evaluation import paired_difference

RESULT = Path(__file__).resolve().parent / "results" / "coverage.md"
TASKS = 1000
PLAYED = {20: {"votes": 200, "share": 0.05}, 60: {"votes": 480, "share": 0.25}}
"""After so many votes, of which the audit gets that share, so many tasks have had their turn."""
HEAD = "| interval | says | holds | standard error | mean width |\n|---|---|---|---|---|"


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    rows = [
        *(
            audit_row(rate, skill, drawn, seeds)
            for rate in (0.0, 0.05, 0.15, 0.2, 0.4)
            for skill in (0.0, 0.5)
            for drawn in (20, 60)
        ),
        *(difference_row(methods, seeds) for methods in (3, 5, 10)),
    ]
    lines = [
        "# Whether the intervals hold",
        "",
        f"    python benchmarks/coverage.py --seeds {seeds}",
        "",
        f"{seeds} seeds each. Standard error: of a share whose interval holds as it says.",
        "",
        HEAD,
        *rows,
        "",
    ]
    RESULT.write_text("\n".join(lines))
    print(*lines, sep="\n")


def row(name: str, level: float, held: list[bool], widths: list[float]) -> str:
    """Return one line of the table."""
    error = math.sqrt(level * (1 - level) / len(held))
    line = f"| {name} | {level:.2f} | {np.mean(held):.3f} | {error:.3f} | {np.mean(widths):.3g} |"
    print(line, flush=True)
    return line


def audit_row(rate: float, skill: float, drawn: int, seeds: int) -> str:
    """Cover the share of labels that people would change, while a queue asks by the model."""
    found = [audit_of(seed, rate, skill, drawn).initial() for seed in range(seeds)]
    model = f"a model that knows {'something' if skill else 'nothing'}"
    return row(
        f"labels that people would change, {rate:.0%} in truth, {drawn} audited, {model}",
        0.95,
        [e.low - 1e-12 <= rate <= e.high + 1e-12 for e in found],
        [e.high - e.low for e in found],
    )


def audit_of(seed: int, rate: float, skill: float, drawn: int) -> Audit:
    """Return the audit of a project that has had the turns of so many tasks."""
    _, state = audited_queue.played(seed, tasks=TASKS, rate=rate, skill=skill, **PLAYED[drawn])
    return read_audit(state)


def difference_row(repeats: int, seeds: int) -> str:
    """Cover the difference between two methods over so many seeds of `simulate`."""
    held, widths = [], []
    for seed in range(seeds):
        rng = np.random.default_rng([8, seed])
        shared = rng.normal(0.9, 0.02, repeats)
        ours, theirs = shared + rng.normal(0.01, 0.004, (2, repeats))
        found = paired_difference(ours, theirs)
        held.append(found.low <= 0 <= found.high)
        widths.append(found.high - found.low)
    return row(f"difference of two methods over {repeats} seeds", 0.95, held, widths)


if __name__ == "__main__":
    main()
