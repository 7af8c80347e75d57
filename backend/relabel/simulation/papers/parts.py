"""What all presets are made of."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.dataset import Dataset, HeldOut, certain
from relabel.simulation.data.sources.arrays import CIFAR10, cifar10_training_features
from relabel.simulation.experiment.options import Options, give_options
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Run, Setting
from relabel.simulation.experiment.summary import Row, mean_sd
from relabel.simulation.measure.classifiers import classify
from relabel.types import IntArray

TESTED = 10_000
"""Clean samples that a classifier is scored on."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a preset is given; options: of selectors, as `give_options` reads them."""

    data_dir: Path
    out: Path
    seeds: int
    workers: int
    console: Console
    device: str = "cpu"
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a preset found: campaigns, if it ran any, and the paper's rows beside ours."""

    title: str
    paper: list[Row]
    setting: Setting | None = None
    methods: tuple[Method, ...] = ()
    runs: tuple[Run, ...] = ()


def campaigns(setting: Setting, methods: tuple[Method, ...], job: Job) -> tuple[Run, ...]:
    """Run the methods over the seeds of the job, on its device and with its options.

    What is done is kept in its folder. The runs bear the names that the preset gave its methods.
    """
    seeds = tuple(range(job.seeds))
    folder = job.out / "runs"
    told = give_options(methods, job.options)
    setting = replace(setting, device=job.device)
    runs = run_experiment(setting, told, seeds, folder=folder, workers=job.workers)
    names = {str(new): str(old) for new, old in zip(told, methods, strict=True)}
    return tuple(replace(run, method=names.get(run.method, run.method)) for run in runs)


def from_pool(pool: HeldOut, rows: IntArray, name: str) -> Dataset:
    """Return these rows of a pool of clean samples as a data set with certain annotators."""
    truth = certain(pool.labels[rows], len(CIFAR10))
    return Dataset(name, CIFAR10, truth, features=pool.features[rows])


def clean_test_set(folder: Path) -> HeldOut:
    """Return the last clean CIFAR-10 training samples; their images are in no CIFAR-10H set."""
    pool = cifar10_training_features(folder)
    return HeldOut(pool.features[-TESTED:], pool.labels[-TESTED:])


def mean_accuracy(data: Dataset, labels: dict[int, IntArray], test: HeldOut) -> str:
    """Return mean and sd over seeds of a linear classifier trained on each seed's labels."""
    values = [classify("linear", data, mine, test, seed).accuracy for seed, mine in labels.items()]
    mean, spread = mean_sd([100 * value for value in values])
    return f"{mean:.2f} %" if spread is None else f"{mean:.2f} ± {spread:.2f} %"
