"""Running the campaigns of an entry, and what they come to."""

from collections.abc import Sequence
from dataclasses import replace

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.experiment.options import give_options
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Run, Setting
from relabel.simulation.experiment.summary import mean_sd
from relabel.simulation.papers.parts.entry import Job

NOT_TEXT = "not published as text"


def campaigns(setting: Setting, methods: tuple[Method, ...], job: Job) -> tuple[Run, ...]:
    """Run the methods over the seeds of the job, on its device and with its options.

    What is done is kept in its folder. The runs bear the names that the entry gave its methods.
    """
    seeds = tuple(range(job.numbers.seeds))
    folder = job.out / "runs"
    told = give_options(methods, job.options)
    setting = replace(setting, device=job.device)
    runs = run_experiment(setting, told, seeds, folder=folder, workers=job.workers)
    names = {str(new): str(old) for new, old in zip(told, methods, strict=True)}
    return tuple(replace(run, method=names.get(run.method, run.method)) for run in runs)


def of(runs: tuple[Run, ...], method: str) -> list[Run]:
    """Return the runs of a method, by seed."""
    return sorted((run for run in runs if run.method == method), key=lambda run: run.seed)


def percent(values: Sequence[float]) -> str:
    """Return mean and sd of shares in words."""
    mean, spread = mean_sd([100 * value for value in values])
    return f"{mean:.2f} %" if spread is None else f"{mean:.2f} ± {spread:.2f} %"
