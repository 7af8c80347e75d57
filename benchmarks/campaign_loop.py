"""What the campaign loop costs per vote, beside the annotator's draw.

    python benchmarks/campaign_loop.py [--tasks 50000]

The loop is timed with simulated people, and then their answers alone are drawn again; the
difference is the loop's own cost, its ranking included. Some tasks are also played the slow way,
with the production consensus asked after every vote. Times are
processor seconds of the best of three. Writes benchmarks/results/campaign_loop.md.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from relabel.numerics.consensus.majority import majority
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.loop import Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue, oracle_order, random_order
from relabel.simulation.campaign.people import Crowd
from relabel.types import State

HERE = Path(__file__).resolve().parent
CLASSES = 10


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=50_000)
    n = parser.parse_args().tasks
    rng = np.random.default_rng(0)
    d = rng.dirichlet(np.full(CLASSES, 0.05), size=n)
    labels = np.where(rng.random(n) < 0.15, rng.integers(0, CLASSES, n), d.argmax(1))
    counts = initial_counts(labels, CLASSES)
    crowd = Crowd(d, 1)
    crowd(0, 0)
    score = SCORES["phi"](counts, d)
    order = np.argsort(-score, kind="stable")
    rankings = {
        "random order": (random_order(0), Rules(n)),
        "phi, ranked once": (lambda _, __, pool: OrderedQueue(order[pool[order]]), Rules(n)),
        "oracle with repeats": (
            oracle_order(d, SCORES["ratio"], 0),
            Rules(n, repeats=True, max_votes=None),
        ),
    }
    lines = ["# The loop's cost per vote", "", f"    {n:,} tasks, {CLASSES} classes, {n:,} votes"]
    lines += ["", "| campaign | loop | draw | loop beyond the draw |", "|---|---|---|---|"]
    for name, (ranking, rules) in rankings.items():
        log = run_campaign(counts, ranking, crowd, rules)
        whole = best(lambda r=ranking, u=rules: run_campaign(counts, r, crowd, u))
        turns = turns_of(log.tasks)
        draw = best(lambda t=turns: [crowd(task, nth) for task, nth in t])
        per = [1e6 * seconds / len(log) for seconds in (whole, draw, whole - draw)]
        lines.append(f"| {name} | {per[0]:.2f} us | {per[1]:.2f} us | {per[2]:.2f} us |")
    slow, votes = plain(counts, order, crowd, 2000)
    lines += ["", f"The production consensus asked after every vote: {1e6 * slow / votes:.1f} us."]
    out = HERE / "results" / "campaign_loop.md"
    out.parent.mkdir(exist_ok=True)
    out.write_text("\n".join([*lines, ""]))
    print(out.read_text())


def best(work: Callable[[], object]) -> float:
    """Return the least processor seconds of three runs."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def turns_of(tasks: list[int]) -> list[tuple[int, int]]:
    """Return for each vote which of the task's answers it is."""
    seen: dict[int, int] = {}
    turns = []
    for task in tasks:
        turns.append((task, seen.get(task, 0)))
        seen[task] = turns[-1][1] + 1
    return turns


def plain(counts: np.ndarray, order: np.ndarray, crowd: Crowd, tasks: int) -> tuple[float, int]:
    """Play some tasks with one call of the production consensus per vote."""
    now, votes = counts.copy(), 0
    start = time.process_time()
    for task in order[:tasks].tolist():
        for nth in range(9):
            now[task, crowd(task, nth)[0]] += 1
            votes += 1
            if majority(now[task : task + 1]).states[0] != State.TIED:
                break
    return time.process_time() - start, votes


if __name__ == "__main__":
    main()
