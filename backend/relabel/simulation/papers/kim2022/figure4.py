"""Fig. 4: robust update against uniform weights and noise detectors, 80 % uniform noise."""

from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import DIFFERS, LACKS, USED, campaigns_of
from relabel.simulation.papers.kim2022.tables import accuracy_rows, order_rows
from relabel.simulation.papers.kim2022.ways import OURS
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

WAYS = (OURS, "uniform weights, local diffusion", "O2U-Net", "SimiFeat")
ORDERS = tuple((OURS, other) for other in WAYS[1:])


def figure4(job: Job) -> Outcome:
    """Accuracy with soft weights, without, and with what a detector leaves."""
    found = campaigns_of(job, WAYS, "uniform")
    rows = accuracy_rows(found, job.numbers.batch, "uniform")
    return Outcome("Kim 2022, Fig. 4", rows + order_rows(found, "accuracy", ORDERS, "uniform"))


ENTRY = Entry(
    figure4,
    title="Robust update against uniform weights and noise detectors",
    published="not published as text; robust update above all",
    used=USED,
    differs=DIFFERS,
    lacks=LACKS,
    small=SMALL["figure 4"],
    paper=PAPER["figure 4"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["figure 4"],
)
