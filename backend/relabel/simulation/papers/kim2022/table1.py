"""Table 1: how many of the questions are about wrong labels, 80 % uniform noise."""

import numpy as np

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.experiment.setting import RANDOM, Run
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import USED, setting_of
from relabel.simulation.papers.parts.campaigns import campaigns
from relabel.simulation.papers.parts.data import TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome

PUBLISHED = {
    "random": 81.10,
    "corractive": 88.83,
    "dalc": 90.30,
    "entropy": 91.08,
    "loss_entropy": 93.64,
    "robust_update": 97.79,
}
"""Share of wrong labels among the queried ones, %: CIFAR-100, 80 % uniform, mean of 8 columns."""


def table1(job: Job) -> Outcome:
    """Share of wrong labels among the queried ones."""
    setting = setting_of(job)
    methods = tuple(
        Method("linear", score) for score in ("corractive", "entropy", "loss_entropy", "phi", "ce")
    )
    methods += (Method("robust_update", "entropy", "diffusion"),)
    runs = campaigns(setting, methods, job)
    names = {RANDOM: "random", str(methods[-1]): "robust_update"}
    names |= {str(method): method.score for method in methods[:-1]}
    paper: list[Row] = []
    for name, key in names.items():
        values = [_precision(run) for run in runs if run.method == name]
        known = PUBLISHED.get(key)
        paper.append(
            {
                "row": f"{name}: wrong among queried",
                "paper": "-" if known is None else f"{known:.2f} % (CIFAR-100)",
                "ours": f"{100 * float(np.mean(values)):.2f} %",
            }
        )
    return Outcome("Kim 2022, Table 1", paper, setting, methods, runs)


def _precision(run: Run) -> float:
    visits = run.visits
    return float((visits.before != visits.after).mean())


ENTRY = Entry(
    table1,
    title="Share of wrong labels among the queried ones, uniform noise",
    published="robust update 97.79 %, LossEnt 93.64, Entropy 91.08, DALC 90.30, Random 81.10",
    used=USED,
    differs="a sample of CIFAR-10 instead of CIFAR-100; frozen features and one linear head",
    small=SMALL["table 1"],
    paper=PAPER["table 1"],
    wants=(TRAINING_SET,),
    seconds=SECONDS["table 1"],
)
