"""What `relabel simulate` does."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from relabel.errors import BadImageError, ConfigurationError
from relabel.files import check_folder
from relabel.learning.device import choose_device
from relabel.numerics.diversity.spread import Surroundings
from relabel.settings import Settings
from relabel.simulation.campaign.judge import KEYS, Terms
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.people import check_panel, parse_panel
from relabel.simulation.campaign.rankings import (
    Method,
    scores_of,
    selector_of,
    votes_of,
)
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.data.books import by_class, with_first_labels, without_first_labels
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.encoding import with_features, with_images
from relabel.simulation.data.noise_models import check_noise, make_noise
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.experiment.options import (
    check_encoder,
    check_image_size,
    give_options,
    parse_options,
)
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Run, Setting, check_method, first_labels
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.papers.parts.entry import Job
from relabel.simulation.papers.registry import find_entry
from relabel.simulation.papers.run import numbers_of, run_entry, show_list
from relabel.simulation.report.files import (
    public_options,
    table_of,
    write_ranking,
    write_report,
)

DEFAULT_RATE = 0.20


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """The options of `relabel simulate`.

    noise None = the labels that the data set brings, else temperature where annotators disagree,
    else symmetric. noise_rate None = 0.20 where the noise model takes one. budget None = one vote
    per task. retrain_every in votes, None = one model ranks all. annotators: "crowd" or accuracies
    such as "0.95,0.9@0.5"; at_once: these work at the same time. consensus: what settles a task;
    confidence: that the consensus "posterior" settles at; audit_share: of the votes of each method.
    choices: the tag that is read of a Label Studio export. encoder None = the vectors that the data
    bring, of others those of tiny; encoder_weights: a local file. image_size: pixels per side for
    networks that read images, 0 = as the data have them. option: of selectors, as `parse_options`
    reads them. device: auto, cpu, cuda, cuda:1, mps. workers None = one per processor, at most one
    per seed, and one alone where all would share a card. paper with figure or table: a published
    experiment at the scale "small" or "paper", with numbers of its own; listed: show all of them.
    """

    dataset: str = "digits"
    data_dir: Path = Path("data")
    choices: str = ""
    noise: str | None = None
    noise_rate: float | None = None
    selector: tuple[str, ...] = ("linear",)
    score: tuple[str, ...] = ("phi", "ce", "tiered_phi")
    diversity: tuple[str, ...] = ("none",)
    consensus: tuple[str, ...] = ("majority",)
    confidence: float = 0.95
    audit_share: float = 0.0
    seeds: int = 5
    budget: int | None = None
    retrain_every: int | None = None
    annotators: str = "crowd"
    at_once: bool = False
    out: Path = Path("simulation")
    paper: str | None = None
    figure: str | None = None
    table: str | None = None
    scale: str = "small"
    listed: bool = False
    encoder: str | None = None
    encoder_weights: Path | None = None
    image_size: int = 0
    option: tuple[str, ...] = ()
    device: str = "cpu"
    workers: int | None = None

    @property
    def published(self) -> bool:
        """Whether experiments of papers are asked for instead of one of one's own."""
        return self.listed or (self.paper, self.figure, self.table) != (None, None, None)


def run_simulation(options: SimulationOptions, console: Console) -> int:
    """Run the campaigns, write the files into options.out, show the table; 0 = done.

    Raises:
        ConfigurationError: an option is wrong, or a file is missing.
    """
    _check(options)
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


def _check(options: SimulationOptions) -> None:
    """Refuse what is wrong without a look at any data."""
    numbers = {
        "seeds": options.seeds,
        "budget": options.budget,
        "retrain_every": options.retrain_every,
        "workers": options.workers,
    }
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise ConfigurationError(f"{name}={value} must be at least 1.")
    check_encoder(options.encoder)
    if options.noise is not None:
        check_noise(options.noise)
    check_panel(parse_panel(options.annotators), at_once=options.at_once)
    Terms(1, confidence=options.confidence, audit_share=options.audit_share)
    # A published experiment has methods of its own, which its options are for.
    methods = methods_of(replace(options, option=()) if options.published else options)
    for method in methods:
        check_method(method, at_once=options.at_once, audit_share=options.audit_share)
    if not options.published:
        check_image_size(options.image_size, methods)


def methods_of(options: SimulationOptions) -> tuple[Method, ...]:
    """Return the methods that the options compare.

    Raises:
        ConfigurationError: a name is unknown, or there is none, or an option is nobody's.

    """
    methods = tuple(
        Method(selector, score, diversity, consensus)
        for selector in options.selector
        for score in options.score
        for diversity in options.diversity
        for consensus in options.consensus
    )
    if not methods:
        raise ConfigurationError(
            "Name at least one selector, one score, one diversity and one consensus."
        )
    return give_options(methods, parse_options(options.option))


def plan(options: SimulationOptions) -> tuple[Setting, tuple[Method, ...]]:
    """Return the setting and the methods that the options ask for.

    Samples that cannot be judged, for want of a first label or of a readable image, are left out
    here: nothing that is done with the setting has to know of them. `Setting.data.accounts` tells
    of them.
    """
    methods = methods_of(options)
    data = load_dataset(options.dataset, options.data_dir, options.choices)
    noise = options.noise or usual_noise(data)
    rate = options.noise_rate
    if rate is None and noise != "given":
        rate = DEFAULT_RATE
    data = with_first_labels(data) if noise == "given" else without_first_labels(data, noise)
    if noise != "instance":  # which needs the features, and these take long: refused before
        make_noise(noise, data, generator(0, "noise"), rate=rate)
    data = by_class(_seen(data, options))
    setting = Setting(
        data=data,
        noise=noise,
        noise_rate=rate,
        budget=options.budget,
        retrain_every=options.retrain_every,
        panel=parse_panel(options.annotators),
        device=options.device,
        at_once=options.at_once,
        confidence=options.confidence,
        audit_share=options.audit_share,
    )
    return setting, methods


def _seen(data: Dataset, options: SimulationOptions) -> Dataset:
    """Return the data with what selectors see of it: vectors, and pixels where they are asked for.

    Raises:
        ConfigurationError: an encoder is named, and there are no images for it.

    """
    limit = Settings.from_env().max_image_pixels
    if options.encoder is not None and data.features is not None:
        if data.images is None and not data.paths:
            raise ConfigurationError(
                f"encoder={options.encoder!r}: {data.name} brings vectors and no images that could "
                "be encoded; leave it out."
            )
        data = replace(data, features=None, held_out=None)
    data = with_features(
        data,
        options.encoder or "tiny",
        options.out / "embeddings",
        max_pixels=limit,
        weights=options.encoder_weights,
        device=options.device,
    )
    return with_images(data, options.image_size, max_pixels=limit) if options.image_size else data


def workers_of(options: SimulationOptions) -> int:
    """Return how many processes to use: as asked, or one per processor and seed, or per card."""
    if options.workers is None and options.device != "cpu":
        return 1
    return options.workers or min(options.seeds, os.cpu_count() or 1)


def usual_noise(data: Dataset) -> str:
    """Return the noise model that suits the data when none is named."""
    if data.given is not None and (data.given >= 0).any():
        return "given"
    return "symmetric" if data.distributions.max(1).min() == 1 else "temperature"


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
