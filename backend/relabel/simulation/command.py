"""What `relabel simulate` does."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from relabel.errors import BadImageError, ConfigurationError
from relabel.files import check_folder
from relabel.learning.device import choose_device
from relabel.numerics.diversity.spread import Surroundings
from relabel.settings import Settings
from relabel.simulation.campaign.judge import KEYS
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.rankings import Method, scores_of, selector_of, votes_of
from relabel.simulation.campaign.seeds import seed_of
from relabel.simulation.experiment.options import parse_options
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Run, Setting, first_labels
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.papers.parts.entry import Job
from relabel.simulation.papers.registry import find_entry
from relabel.simulation.papers.run import numbers_of, run_entry, show_list
from relabel.simulation.plan import SimulationOptions, check_options, plan, workers_of
from relabel.simulation.report.files import (
    public_options,
    table_of,
    write_ranking,
    write_report,
)


def run_simulation(options: SimulationOptions, console: Console) -> int:
    """Run the campaigns, write the files into options.out, show the table; 0 = done.

    Raises:
        ConfigurationError: an option is wrong, or a file is missing.
    """
    check_options(options)
    check_folder(options.out, "--out")
    options = replace(options, device=choose_device(options.device))
    if options.published:
        return run_published(options, console)
    setting, methods = plan(options)
    for line in setting.data.accounts.lines():
        console.print(line, highlight=False, markup=False)
    runs = run_with_progress(setting, methods, options, console)
    rows = summarise(setting, methods, runs)
    show_ranking(setting, methods[0], options.out, console)
    title = f"Relabelling {setting.data.name} with {setting.noise} noise"
    write_report(options.out, title, setting, rows, runs, public_options(options))
    console.print(table_of(rows, title, console.width))
    console.print(f"Report: {options.out / 'report.html'}")
    return 0


def run_published(options: SimulationOptions, console: Console) -> int:
    """Run a figure or table of a paper, or show what there is; 0 = done.

    Raises:
        ConfigurationError: there is no such one, its data is missing, or it takes no options.

    """
    if options.listed:
        show_list(console)
        return 0
    item, entry = find_entry(options.paper, options.figure, options.table)
    numbers = numbers_of(entry, options.scale)
    workers = workers_of(replace(options, seeds=numbers.seeds))
    given = parse_options(options.option)
    if given and not entry.takes_options:
        raise ConfigurationError(
            f"{item} of {options.paper} trains as its paper does; leave --option out."
        )
    job = Job(options.data_dir, options.out, numbers, workers, console, options.device, given)
    told: dict[str, object] = {"paper": options.paper, "item": item, "scale": options.scale}
    return run_entry(entry, options.scale, job, told)


def run_with_progress(
    setting: Setting, methods: tuple[Method, ...], options: SimulationOptions, console: Console
) -> list[Run]:
    """Run the experiment under a progress bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("campaigns", total=None)

        def progress(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        return run_experiment(
            setting,
            methods,
            tuple(range(options.seeds)),
            folder=options.out / "runs",
            workers=workers_of(options),
            progress=progress,
        )


def show_ranking(setting: Setting, method: Method, out: Path, console: Console) -> None:
    """Draw the first method's ranking of the first seed, if there are images to show."""
    data = setting.data
    initial = first_labels(setting, 0)
    counts = initial_counts(initial, len(data.classes))
    seed = seed_of(0, "model")
    surroundings = Surroundings(data.features, seed)
    select = selector_of(
        method.selector, data, surroundings, seed, setting.device, initial, options=method.options
    )
    selection = select(counts, initial)
    # An order by gain is one of votes; what is shown of its model is what the default would ask.
    name = "tiered_phi" if method.score in KEYS else method.score
    score = scores_of(name, votes_of(counts, initial), selection, seed=0)
    limit = Settings.from_env().max_image_pixels
    try:
        drawn = write_ranking(out, data, counts, selection, score, max_pixels=limit)
    except BadImageError as error:
        console.print(f"No ranking.png: {error}.", highlight=False, markup=False)
        return
    if not drawn:
        console.print(f"No ranking.png: {data.name} has no images in memory or on disk.")
