"""What Figs. 2 and 3 share: macro F1 against expert labels, and the paper's orders."""

import numpy as np

from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.khanal2024.protocol import Noise, campaigns_of
from relabel.simulation.papers.parts.campaigns import NOT_TEXT, percent
from relabel.simulation.papers.parts.entry import Job
from relabel.simulation.papers.parts.kept import Figures
from relabel.simulation.papers.parts.orderings import ordering

ORDERS = (
    ("CT+VOG, coreset", "active learning, entropy"),
    ("CT+VOG, coreset", "CE, entropy"),
    ("CT+VOG, coreset", "ALC with co-teaching"),
    ("CT+VOG, entropy", "CT+VOG, random"),
    ("CT+VOG, coreset", "CT+VOG, random"),
)
"""What the text claims, by the mean of the curve."""

DIFFERS = (
    "long-tailed CIFAR-10 stands in; frozen features and one hidden layer; a network is trained "
    "anew each round, not tuned on; the last epoch, not the one of the best validation"
)


def curve_rows(job: Job, noises: tuple[Noise, ...], published: str) -> list[Row]:
    """Return the rows of a figure; published: what the paper reached with all labels clean."""
    rows: list[Row] = []
    for noise in noises:
        found, clean = campaigns_of(job, noise)
        reference = [one["macro F1"][0] for one in clean]
        head = f"{noise.rate:.0%} noise"
        rows.append(
            {"row": f"{head}, clean labels", "paper": published, "ours": percent(reference)}
        )
        goal = float(np.mean(reference))
        rows += [_row(head, name, runs, goal, job.numbers.batch) for name, runs in found.items()]
        means = {
            name: [100 * float(np.mean(one["macro F1"])) for one in runs]
            for name, runs in found.items()
        }
        rows += [
            {
                "row": f"{head}: {better} above {worse}",
                "paper": "claimed",
                "ours": ordering(means[better], means[worse]),
            }
            for better, worse in ORDERS
        ]
    return rows


def _row(head: str, name: str, runs: list[Figures], goal: float, batch: int) -> Row:
    rounds = len(runs[0]["macro F1"]) - 1
    points = [
        f"{percent([one['macro F1'][at] for one in runs])} after {at * batch:,}"
        for at in dict.fromkeys((0, rounds // 2, rounds))
    ]
    mean = np.mean([one["macro F1"] for one in runs], axis=0)
    reached = np.flatnonzero(mean >= goal)
    told = f"{reached[0] * batch:,} labels" if len(reached) else "not reached"
    return {
        "row": f"{head}, {name}: macro F1",
        "paper": NOT_TEXT,
        "ours": f"{', '.join(points)}; to that of clean labels: {told}",
    }
