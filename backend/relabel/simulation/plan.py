"""What `relabel simulate` is asked for: its options, and the setting and methods they stand for."""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

from relabel.errors import ConfigurationError
from relabel.settings import Settings
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.people import check_panel, parse_panel
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.campaign.seeds import generator
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
from relabel.simulation.experiment.setting import Setting, check_method

DEFAULT_RATE = 0.20
OF_A_PAPER = {"paper", "figure", "table", "scale", "data_dir", "out", "device", "workers", "option"}
"""The options that a paper's experiment goes by; all others are its own."""


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


def check_options(options: SimulationOptions) -> None:
    """Refuse what is wrong without a look at any data.

    Raises:
        ConfigurationError: names the option, its value and what can be done.

    """
    if options.published and not options.listed:
        _check_published(options)
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


def _check_published(options: SimulationOptions) -> None:
    usual = SimulationOptions()
    passed_over = [
        f"--{field.name.replace('_', '-')}"
        for field in fields(options)
        if field.name not in OF_A_PAPER
        and getattr(options, field.name) != getattr(usual, field.name)
    ]
    if passed_over:
        raise ConfigurationError(
            f"A figure or table of a paper says by itself what is computed: leave out "
            f"{', '.join(passed_over)}; --scale says how much, --device and --workers where."
        )


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
