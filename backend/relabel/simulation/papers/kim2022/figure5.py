"""Fig. 5: with and without entropy diffusion; left from wrong labels, right from few labels."""

from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import (
    DIFFERS,
    LACKS,
    UNLABELLED,
    USED,
    campaigns_of,
)
from relabel.simulation.papers.kim2022.tables import accuracy_rows, order_rows
from relabel.simulation.papers.kim2022.ways import OURS
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

LEFT = (OURS, "robust update, literal diffusion", "robust update, no diffusion")
LEFT_ORDERS = ((OURS, LEFT[2]), (LEFT[1], LEFT[2]))
RIGHT = ("uniform weights, local diffusion", "Entropy")


def figure5(job: Job) -> Outcome:
    """Accuracy with and without diffusion, from wrong labels and from few labels."""
    batch = job.numbers.batch
    left, right = campaigns_of(job, LEFT, "uniform"), campaigns_of(job, RIGHT, UNLABELLED)
    rows = accuracy_rows(left, batch, "uniform")
    rows += order_rows(left, "accuracy", LEFT_ORDERS, "uniform")
    rows += accuracy_rows(right, batch, UNLABELLED)
    rows += order_rows(right, "accuracy", (RIGHT,), UNLABELLED)
    return Outcome("Kim 2022, Fig. 5", rows)


ENTRY = Entry(
    figure5,
    title="With and without entropy diffusion, from wrong and from few labels",
    published="not published as text; diffusion above none",
    used=USED,
    differs=DIFFERS,
    lacks=LACKS,
    small=SMALL["figure 5"],
    paper=PAPER["figure 5"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["figure 5"],
)
