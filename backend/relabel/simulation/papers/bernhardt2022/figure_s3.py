"""Supplementary Fig. 3: which kind of wrong labels each score finds."""

from dataclasses import replace

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import LOW, NETWORKS, published_setting, subset
from relabel.simulation.papers.parts.campaigns import campaigns, of
from relabel.simulation.papers.parts.data import CIFAR10H
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.orderings import ordering

SCORES = ("phi", "ce", "entropy")
BUDGET = 0.3163
"""Votes per sample: what the oracle is expected to need to correct every wrong label."""

ORDERS = (("phi", "ce"), ("ce", "entropy"))


def figure_s3(job: Job) -> Outcome:
    """Wrong labels left of each kind after the oracle's budget, and the orders claimed."""
    data = subset(job)
    setting = replace(published_setting(data, LOW), budget=round(BUDGET * len(data)))
    methods = {score: Method("linear", score) for score in SCORES}
    runs = campaigns(setting, tuple(methods.values()), job)
    rows: list[Row] = []
    areas: dict[str, list[float]] = {}
    for score, method in methods.items():
        mine = of(runs, str(method))
        areas[score] = [100 * run.figures.area for run in mine]
        clear, hard = (
            sum(getattr(run.figures, name) for run in mine) / len(mine)
            for name in ("remaining_clear", "remaining_ambiguous")
        )
        rows.append(
            {
                "row": f"{score}: wrong labels left",
                "paper": "picture only",
                "ours": f"{clear:.0f} clear, {hard:.0f} ambiguous",
            }
        )
    rows += [
        {
            "row": f"{better} above {worse}, mean share of right labels",
            "paper": "claimed",
            "ours": ordering(areas[better], areas[worse]),
        }
        for better, worse in ORDERS
    ]
    return Outcome("Bernhardt et al. 2022, Supplementary Fig. 3", rows)


ENTRY = Entry(
    figure_s3,
    title="Wrong labels left by kind and score, CIFAR-10H, 15 % noise",
    published="the entropy term finds more clear errors; BALD is worse",
    used="CIFAR-10H, 5,000 images; vanilla; phi, CE and BALD",
    differs="frozen features and one linear head; entropy in place of BALD",
    small=SMALL["figure S3"],
    paper=PAPER["figure S3"],
    wants=(CIFAR10H,),
    seconds=SECONDS["figure S3"],
    lacks=(NETWORKS,),
    takes_options=True,
)
