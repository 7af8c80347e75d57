"""Fig. 2: test accuracy against corrected labels, 80 % uniform noise."""

from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import DIFFERS, LACKS, USED, campaigns_of
from relabel.simulation.papers.kim2022.tables import accuracy_rows, order_rows
from relabel.simulation.papers.kim2022.ways import OURS
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

WAYS = (OURS, "DALC", "CorrActive", "Entropy", "LossEnt", "Random")
ORDERS = (
    (OURS, "DALC"),
    ("DALC", "Entropy"),
    ("DALC", "CorrActive"),
    ("Entropy", "Random"),
    ("CorrActive", "Random"),
    ("Random", "LossEnt"),
)
"""What the text says of CIFAR-10."""


def figure2(job: Job) -> Outcome:
    """Accuracy of every way of asking, uniform noise."""
    return curves(job, "uniform", "Kim 2022, Fig. 2")


def curves(job: Job, noise: str, title: str) -> Outcome:
    """Accuracy of every way of asking, and the orders that the paper claims."""
    found = campaigns_of(job, WAYS, noise)
    rows = accuracy_rows(found, job.numbers.batch, noise)
    return Outcome(title, rows + order_rows(found, "accuracy", ORDERS, noise))


ENTRY = Entry(
    figure2,
    title="Test accuracy against corrected labels, uniform noise",
    published="CIFAR-10: 90 % with 3,000 labels, DALC 9,000, CorrActive 11,000",
    used=USED,
    differs=DIFFERS,
    lacks=LACKS,
    small=SMALL["figure 2"],
    paper=PAPER["figure 2"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["figure 2"],
)
