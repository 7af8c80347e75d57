"""Fig. 5: with and without diffusion."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import USED, accuracy
from relabel.simulation.papers.parts.data import TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome


def figure5(job: Job) -> Outcome:
    """With and without diffusion."""
    methods = tuple(Method("linear", "entropy", spread) for spread in ("none", "diffusion"))
    return accuracy(job, methods, "Kim 2022, Fig. 5")


ENTRY = Entry(
    figure5,
    title="With and without entropy diffusion",
    published="not published as text",
    used=USED,
    differs="a sample of CIFAR-10; frozen features and one linear head",
    small=SMALL["figure 5"],
    paper=PAPER["figure 5"],
    wants=(TRAINING_SET,),
    seconds=SECONDS["figure 5"],
)
