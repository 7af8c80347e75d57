"""Fig. 3: test accuracy against corrected labels, 80 % class-symmetry noise."""

from relabel.simulation.papers.kim2022.figure2 import curves
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import DIFFERS, LACKS, USED
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome


def figure3(job: Job) -> Outcome:
    """Accuracy of every way of asking, class-symmetry noise."""
    return curves(job, "class symmetry", "Kim 2022, Fig. 3")


ENTRY = Entry(
    figure3,
    title="Test accuracy against corrected labels, class-symmetry noise",
    published="not published as text; the same orders as under uniform noise",
    used=USED,
    differs=DIFFERS,
    lacks=LACKS,
    small=SMALL["figure 3"],
    paper=PAPER["figure 3"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["figure 3"],
)
