"""Table 1: accuracy of classifiers before and after cleaning, CIFAR-10H with 30 % noise.

On frozen features "vanilla", "co-teaching" and "ELR" have a hidden layer; "SSL" is one linear head,
as in the paper, where the features are BYOL's.
"""

from dataclasses import dataclass

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.dataset import Dataset, HeldOut
from relabel.simulation.experiment.setting import Run
from relabel.simulation.experiment.summary import Row
from relabel.simulation.measure.classifiers import classify, labels_after
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import (
    BYOL,
    HIGH,
    NETWORKS,
    published_setting,
    subset,
)
from relabel.simulation.papers.parts.campaigns import campaigns, of, percent
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET, clean_test_set
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.orderings import ordering
from relabel.types import IntArray

MODELS = {"vanilla": "vanilla", "SSL": "linear", "co-teaching": "co_teaching", "ELR": "elr"}
"""The paper's name of a model -> the selector that stands for it."""

RELABELLED = 0.327
"""Share of the samples that are relabelled before the second accuracy is taken."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: who ranks, by phi; who is trained; test accuracy before and after, %. "" = nobody."""

    selector: str
    classifier: str
    before: float
    after: float | None = None


LINES = (
    Line("vanilla", "vanilla", 64.1, 68.4),
    Line("SSL", "vanilla", 64.1, 70.9),
    Line("SSL", "SSL", 78.7, 80.3),
    Line("vanilla", "SSL", 78.7, 79.4),
    Line("co-teaching", "co-teaching", 66.5, 68.8),
    Line("", "ELR", 67.0),
)
"""Rows 1 and 3 to 7; row 2 has the score BALD."""

CLEAN = {"vanilla": 73.6, "SSL": 80.7}


def table1(job: Job) -> Outcome:
    """Test accuracy before and after a third of the samples were relabelled."""
    data, test = subset(job), clean_test_set(job.data_dir, job.numbers.tested)
    setting = published_setting(data, HIGH)
    selectors = dict.fromkeys(line.selector for line in LINES if line.selector)
    methods = tuple(Method(MODELS[name], "phi") for name in selectors)
    runs = campaigns(setting, methods, job)
    seeds = range(job.numbers.seeds)
    rows: list[Row] = []
    noisy = {
        name: [
            accuracy(MODELS[name], data, runs[0].initial, test, seed, job.device) for seed in seeds
        ]
        for name in dict.fromkeys(line.classifier for line in LINES)
    }
    for line in LINES:
        model, before = MODELS[line.classifier], noisy[line.classifier]
        if line.after is None:
            rows.append(_row(f"{line.classifier}, noisy", f"{line.before} %", percent(before)))
            continue
        mine = of(runs, str(Method(MODELS[line.selector], "phi")))
        after = [
            accuracy(
                model,
                data,
                after_visits(run, round(RELABELLED * len(data))),
                test,
                run.seed,
                job.device,
            )
            for run in mine
        ]
        name = f"{line.selector} ranks, {line.classifier} learns"
        rows += [
            _row(
                name, f"{line.before} -> {line.after} %", f"{percent(before)} -> {percent(after)}"
            ),
            _row(
                f"{name}: better after cleaning",
                f"{line.after - line.before:.1f} points",
                ordering([100 * value for value in after], [100 * value for value in before]),
            ),
        ]
    for name, published in CLEAN.items():
        values = [
            accuracy(MODELS[name], data, data.truth, test, seed, job.device) for seed in seeds
        ]
        rows.append(_row(f"{name}, clean labels", f"{published} %", percent(values)))
    return Outcome("Bernhardt et al. 2022, Table 1", rows, setting, methods, runs)


def accuracy(
    model: str, data: Dataset, labels: IntArray, test: HeldOut, seed: int, device: str
) -> float:
    """Return the test accuracy of a model that learns these labels."""
    return classify(model, data, labels, test, seed, device).accuracy


def after_visits(run: Run, visits: int) -> IntArray:
    """Return the (N,) labels after so many samples were relabelled."""
    last = min(visits, len(run.visits.ends)) - 1
    return labels_after(run.visits, run.initial, int(run.visits.ends[last]))


def _row(row: str, paper: str, ours: str) -> Row:
    return {"row": row, "paper": paper, "ours": ours}


ENTRY = Entry(
    table1,
    title="Test accuracy before and after cleaning, CIFAR-10H, 30 % noise",
    published="vanilla 64.1 -> 68.4 %; SSL 78.7 -> 80.3 %; co-teaching 66.5 -> 68.8 %",
    used="CIFAR-10H, 5,000 images, 50,000 to test; ResNet-50 (ResNet-110 in the code); BYOL",
    differs="frozen features instead of networks from pixels; without the row of BALD",
    small=SMALL["table 1"],
    paper=PAPER["table 1"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["table 1"],
    lacks=(NETWORKS, BYOL),
    takes_options=True,
)
