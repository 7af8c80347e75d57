"""Fig. 2: test accuracy against corrected labels, 80 % uniform noise."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import USED, accuracy
from relabel.simulation.papers.parts.data import TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome


def figure2(job: Job) -> Outcome:
    """Accuracy of the classifier against the number of corrected labels."""
    methods = (
        Method("linear", "entropy"),
        Method("linear", "corractive"),
        Method("robust_update", "entropy", "diffusion"),
    )
    return accuracy(job, methods, "Kim 2022, Fig. 2")


ENTRY = Entry(
    figure2,
    title="Test accuracy against corrected labels, uniform noise",
    published="90 % on CIFAR-10 with 3,000 labels, DALC 9,000, CorrActive 11,000",
    used=USED,
    differs="a sample of CIFAR-10; frozen features and one linear head",
    small=SMALL["figure 2"],
    paper=PAPER["figure 2"],
    wants=(TRAINING_SET,),
    seconds=SECONDS["figure 2"],
)
