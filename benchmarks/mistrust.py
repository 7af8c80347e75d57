"""What the audit's alarm saves where model and people err alike: projects with it and without.

    python benchmarks/mistrust.py [--seeds 5]

1,500 tasks of four classes, 15 % labelled as the next class; a model that says the next class of
every task; people who say it as often as `ERRORS` has it. An audit of 10 % of 3,000 votes, random
order. Shares of labels that are right at the end, mean over seeds; without the alarm a posterior
goes on to count. Writes results/mistrust.md.
"""

import argparse
from pathlib import Path
from unittest import mock

import numpy as np
from relabel.simulation.campaign import project
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.orders import random_order
from relabel.simulation.campaign.people import Crowd
from relabel.simulation.campaign.project import run_project
from relabel.simulation.measure.curves import accounts_of, final_labels

OUT = Path(__file__).resolve().parent / "results" / "mistrust.md"
TASKS, CLASSES, WRONG, VOTES, AUDIT = 1500, 4, 0.15, 3000, 0.1
ERRORS = (0.33, 0.10, 0.05)
HEAD = """# A model that errs as people do, and the audit's alarm

    python benchmarks/mistrust.py --seeds {seeds}

{tasks:,} tasks, {wrong:.0%} labelled as the next class, a model that says the next class of every
task, an audit of {audit:.0%} of {votes:,} votes. Share of labels right at the end, mean over seeds.

| people say the next class | strict majority | posterior with the alarm | posterior without it |
|---|---|---|---|
"""


def right(seed: int, error: float, consensus: str) -> float:
    """Return the share of labels that are right at the end of one project."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, TASKS)
    after = (truth + 1) % CLASSES
    old = np.where(rng.random(TASKS) < WRONG, after, truth)
    one = np.eye(CLASSES)
    people = (1 - error) * one[truth] + error * one[after]
    probs = 0.01 + 0.96 * one[after]
    terms = Terms(VOTES, consensus=consensus, audit_share=AUDIT)
    crowd = Crowd(people, seed)
    log = run_project(old, CLASSES, lambda *_: probs, random_order(2), crowd, terms, seed=seed)
    settled = accounts_of(log, initial_counts(old, CLASSES), terms).settled
    return float((final_labels(settled, old) == truth).mean())


def main() -> None:
    """Play the projects, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    lines = []
    for error in ERRORS:
        shares = [np.mean([right(s, error, c) for s in range(seeds)]) for c in CONSENSUS]
        with mock.patch.object(project, "is_exceeded", return_value=False):
            shares.append(np.mean([right(s, error, "posterior") for s in range(seeds)]))
        lines.append(f"| {error:.0%} | {' | '.join(f'{share:.3f}' for share in shares)} |")
        print(lines[-1], flush=True)
    head = HEAD.format(seeds=seeds, tasks=TASKS, wrong=WRONG, audit=AUDIT, votes=VOTES)
    OUT.write_text(head + "\n".join(lines) + "\n")


CONSENSUS = ("majority", "posterior")

if __name__ == "__main__":
    main()
