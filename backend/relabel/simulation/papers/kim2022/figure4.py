"""Fig. 4: robust update against explicit noise detectors."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import USED, accuracy
from relabel.simulation.papers.parts.data import TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome


def figure4(job: Job) -> Outcome:
    """Active correction against explicit noise detectors."""
    methods = (
        Method("simifeat", "ce"),
        Method("linear", "ce"),
        Method("robust_update", "entropy", "diffusion"),
    )
    return accuracy(job, methods, "Kim 2022, Fig. 4")


ENTRY = Entry(
    figure4,
    title="Robust update against noise detectors",
    published="not published as text",
    used=USED,
    differs="a sample of CIFAR-10; frozen features and one linear head",
    small=SMALL["figure 4"],
    paper=PAPER["figure 4"],
    wants=(TRAINING_SET,),
    seconds=SECONDS["figure 4"],
)
