"""Fig. 3b: right labels against answers on CIFAR-10H with 15 % noise."""

from dataclasses import replace

from relabel.simulation.campaign.rankings import TRUTH, Method
from relabel.simulation.experiment.setting import RANDOM, Run
from relabel.simulation.experiment.summary import Row, summarise
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import LOW, NETWORKS, published_setting, subset
from relabel.simulation.papers.parts.campaigns import NOT_TEXT, campaigns, of
from relabel.simulation.papers.parts.data import CIFAR10H
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.orderings import ordering

PUBLISHED = {
    "random": "1 (by definition)",
    "vanilla phi": "2.5 times fewer than random",
    "linear phi": "up to 4 times fewer than random (best)",
}

SELECTORS = ("vanilla", "co_teaching", "linear")
"""Vanilla, co-teaching, and for SSL-Linear the linear head, each of them on frozen features."""

ORDERS = (("vanilla", ""), ("co_teaching", "vanilla"), ("linear", "co_teaching"))
"""(the better selector, the worse one), by phi; "" is random order."""


def figure3(job: Job) -> Outcome:
    """Votes to 90 % correct on the published subset and its first labels."""
    setting = replace(published_setting(subset(job), LOW), repeating_oracle=True)
    methods = (
        *(Method(selector, "phi") for selector in SELECTORS),
        *(Method("linear", score) for score in ("ce", "tiered_phi")),
        Method(TRUTH, "phi"),
    )
    runs = campaigns(setting, methods, job)
    rows = summarise(setting, methods, runs)
    paper: list[Row] = [
        {
            "row": f"{row['method']}: votes to 90 %",
            "paper": PUBLISHED.get(row["method"], NOT_TEXT),
            "ours": f"{row['votes_to']['0.90']:,.0f} votes, "
            f"{row['ratio_to_random']['0.90']:.2f} times fewer than random",
        }
        for row in rows
        if row["votes_to"]["0.90"]
    ]
    paper += [_order(runs, better, worse) for better, worse in ORDERS]
    return Outcome("Bernhardt et al. 2022, Fig. 3, 15 % noise", paper, setting, methods, runs)


def _order(runs: tuple[Run, ...], better: str, worse: str) -> Row:
    names = [f"{name} phi" if name else RANDOM for name in (better, worse)]
    above, below = ([100 * run.figures.area for run in of(runs, name)] for name in names)
    return {
        "row": f"{names[0]} above {names[1]}, mean share of right labels",
        "paper": "claimed",
        "ours": ordering(above, below),
    }


ENTRY = Entry(
    figure3,
    title="Right labels against answers, CIFAR-10H, 15 % noise (Fig. 3b)",
    published="vanilla reaches 90 % with 2.5 times fewer answers than random",
    used="CIFAR-10H, 5,000 images; ResNet-50 (ResNet-110 in the code), 160 epochs; 5 repeats",
    differs="frozen features, one hidden layer or one cross-fitted linear head, no pixels",
    small=SMALL["figure 3"],
    paper=PAPER["figure 3"],
    wants=(CIFAR10H,),
    seconds=SECONDS["figure 3"],
    lacks=(NETWORKS,),
    takes_options=True,
)
