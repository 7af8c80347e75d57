"""Table 1: how many of the questions are about wrong labels, 80 % uniform noise."""

from itertools import pairwise

from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import DIFFERS, LACKS, USED, campaigns_of
from relabel.simulation.papers.kim2022.tables import order_rows
from relabel.simulation.papers.kim2022.ways import OURS
from relabel.simulation.papers.parts.campaigns import percent
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

PUBLISHED = {
    OURS: 97.79,
    "LossEnt": 93.64,
    "Entropy": 91.08,
    "DALC": 90.30,
    "CorrActive": 88.83,
    "Random": 81.10,
}
"""Share of wrong labels among the queried ones, %: CIFAR-100, mean of the 8 columns."""


def table1(job: Job) -> Outcome:
    """Share of wrong labels among all that were asked for."""
    found = campaigns_of(job, tuple(PUBLISHED), "uniform")
    rows: list[Row] = [
        {
            "row": f"{name}: wrong among queried",
            "paper": f"{PUBLISHED[name]:.2f} % (CIFAR-100)",
            "ours": percent([one["wrong"][-1] for one in runs]),
        }
        for name, runs in found.items()
    ]
    names = tuple(PUBLISHED)
    orders = tuple(pairwise(names))
    return Outcome("Kim 2022, Table 1", rows + order_rows(found, "wrong", orders, "uniform"))


ENTRY = Entry(
    table1,
    title="Share of wrong labels among the queried ones, uniform noise",
    published="CIFAR-100: robust update 97.79 %, LossEnt 93.64, Entropy 91.08, Random 81.10",
    used=USED,
    differs=DIFFERS,
    lacks=LACKS,
    small=SMALL["table 1"],
    paper=PAPER["table 1"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["table 1"],
)
