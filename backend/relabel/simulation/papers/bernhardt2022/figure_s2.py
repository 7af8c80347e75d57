"""Supplementary Fig. 2: larger noise rates, uniform and class-dependent."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.experiment.setting import RANDOM, Setting
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import NETWORKS, subset
from relabel.simulation.papers.parts.campaigns import campaigns, of, percent
from relabel.simulation.papers.parts.data import CIFAR10H
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.orderings import ordering

RATES = {"symmetric": (0.2, 0.4, 0.6, 0.8), "class_dependent": (0.2, 0.4, 0.6)}
"""With a class-dependent rate above 0.5 a class is called another more often than itself."""


def figure_s2(job: Job) -> Outcome:
    """Whether a ranking by phi still beats random order, rate by rate."""
    data = subset(job)
    method = Method("linear", "phi")
    rows: list[Row] = []
    for noise, rates in RATES.items():
        for rate in rates:
            runs = campaigns(Setting(data, noise, rate), (method,), job)
            ours, random = (
                [100 * run.figures.area for run in of(runs, name)] for name in (str(method), RANDOM)
            )
            wrong = percent([run.figures.noise_rate for run in of(runs, RANDOM)])
            found = percent([run.figures.auroc for run in of(runs, str(method))])
            rows += [
                {
                    "row": f"{noise} {rate:g}: AUROC of phi",
                    "paper": "picture only",
                    "ours": f"{found}; {wrong} of the labels wrong",
                },
                {
                    "row": f"{noise} {rate:g}: phi above random, mean share of right labels",
                    "paper": "claimed" if rate < 0.5 or noise == "symmetric" else "not claimed",
                    "ours": ordering(ours, random),
                },
            ]
    return Outcome("Bernhardt et al. 2022, Supplementary Fig. 2", rows)


ENTRY = Entry(
    figure_s2,
    title="Phi against random order at larger noise rates, CIFAR-10H",
    published="better than random as long as each class keeps its label most often",
    used="CIFAR-10H, 5,000 images; uniform and class-dependent noise, ResNet-50",
    differs="frozen features and one linear head; the supplement's own rates are not at hand",
    small=SMALL["figure S2"],
    paper=PAPER["figure S2"],
    wants=(CIFAR10H,),
    seconds=SECONDS["figure S2"],
    lacks=(NETWORKS,),
    takes_options=True,
)
