"""Running the campaigns of an entry, and what they come to."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.data.dataset import Dataset, HeldOut
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Run, Setting
from relabel.simulation.experiment.summary import mean_sd
from relabel.simulation.measure.classifiers import classify
from relabel.simulation.papers.parts.entry import Job
from relabel.types import IntArray

NOT_TEXT = "not published as text"


def campaigns(setting: Setting, methods: tuple[Method, ...], job: Job) -> tuple[Run, ...]:
    """Run the methods over the seeds of the job, keeping what is done in its folder."""
    seeds = tuple(range(job.numbers.seeds))
    folder = job.out / "runs"
    return tuple(run_experiment(setting, methods, seeds, folder=folder, workers=job.workers))


def mean_accuracy(data: Dataset, labels: dict[int, IntArray], test: HeldOut) -> str:
    """Return mean and sd over seeds of a linear classifier trained on each seed's labels."""
    values = [classify("linear", data, mine, test, seed).accuracy for seed, mine in labels.items()]
    return percent(values)


def percent(values: list[float]) -> str:
    """Return mean and sd of shares in words."""
    mean, spread = mean_sd([100 * value for value in values])
    return f"{mean:.2f} %" if spread is None else f"{mean:.2f} ± {spread:.2f} %"
