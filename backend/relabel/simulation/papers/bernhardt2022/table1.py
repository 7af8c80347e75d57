"""Table 1: accuracy of classifiers before and after cleaning, CIFAR-10H with 30 % noise."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.sampling import keep_ambiguous, reference_labels
from relabel.simulation.data.sources.arrays import cifar10h
from relabel.simulation.experiment.setting import RANDOM, Run, Setting
from relabel.simulation.experiment.summary import Row
from relabel.simulation.measure.classifiers import labels_after
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.parts.campaigns import campaigns, mean_accuracy
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET, clean_test_set
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.types import IntArray

PUBLISHED = {
    "vanilla, phi, vanilla": (64.1, 68.4),
    "vanilla, BALD, vanilla": (64.1, 68.3),
    "SSL, phi, vanilla": (64.1, 70.9),
    "SSL, phi, SSL": (78.7, 80.3),
    "vanilla, phi, SSL": (78.7, 79.4),
    "co-teaching, phi, co-teaching": (66.5, 68.8),
}
"""Selector, score, classifier -> test accuracy before and after cleaning, %."""

RELABELLED = 0.327
"""Share of the samples that are relabelled before the second accuracy is taken."""


def table1(job: Job) -> Outcome:
    """Test accuracy before and after a third of the samples were relabelled."""
    data = keep_ambiguous(cifar10h(job.data_dir), job.numbers.samples)
    test = clean_test_set(job.data_dir, job.numbers.tested)
    labels = reference_labels(data, 10)
    setting = Setting(data, "temperature 10, the published draw", None, labels=labels)
    methods = (Method("linear", "phi"), Method("linear", "ce"), Method("linear", "tiered_phi"))
    runs = campaigns(setting, methods, job)
    asked = round(RELABELLED * len(data))
    seeds = sorted({run.seed for run in runs})
    paper: list[Row] = [
        {"row": row, "paper": f"{before} -> {after} %", "ours": "frozen features: see below"}
        for row, (before, after) in PUBLISHED.items()
    ]
    before = mean_accuracy(data, dict.fromkeys(seeds, labels), test)
    clean = mean_accuracy(data, dict.fromkeys(seeds, data.truth), test)
    for name in (RANDOM, *map(str, methods)):
        mine = {run.seed: run for run in runs if run.method == name}
        after = {s: _after_visits(run, asked) for s, run in mine.items()}
        ours = f"{before} -> {mean_accuracy(data, after, test)} (clean labels: {clean})"
        paper.append({"row": f"{name}, linear classifier", "paper": "-", "ours": ours})
    return Outcome("Bernhardt et al. 2022, Table 1", paper, setting, methods, runs)


def _after_visits(run: Run, visits: int) -> IntArray:
    last = min(visits, len(run.visits.ends)) - 1
    return labels_after(run.visits, run.initial, int(run.visits.ends[last]))


ENTRY = Entry(
    table1,
    title="Test accuracy before and after cleaning, CIFAR-10H, 30 % noise",
    published="vanilla 64.1 -> 68.4 %; SSL 78.7 -> 80.3 %; co-teaching 66.5 -> 68.8 %",
    used="CIFAR-10H, 5,000 images, 50,000 to test; ResNet-50 (ResNet-110 in the code); BYOL",
    differs="frozen features and one linear head instead of networks from pixels",
    small=SMALL["table 1"],
    paper=PAPER["table 1"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["table 1"],
)
