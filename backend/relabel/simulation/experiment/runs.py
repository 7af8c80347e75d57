"""Campaigns of several methods over several seeds, on the same noise and the same answers."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from relabel.errors import InvalidValuesError, RelabelError
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.concurrency import run_asynchronous
from relabel.simulation.campaign.loop import (
    Closing,
    Prioritise,
    Rules,
    initial_counts,
    run_campaign,
)
from relabel.simulation.campaign.orders import oracle_order, random_order
from relabel.simulation.campaign.people import (
    Annotators,
    Panel,
    PanelSpec,
    check_panel,
    make_annotators,
)
from relabel.simulation.campaign.rankings import (
    BATCH,
    TWO_PHASE,
    Method,
    Select,
    model_order,
    selector_of,
    two_phase_order,
)
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.campaign.votelog import VoteLog, replay
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.noise_models import make_noise
from relabel.simulation.experiment.store import Figures, Kept, Store, store_of
from relabel.simulation.measure.curves import Curve, Visits, curve_of, final_labels, visits_of
from relabel.simulation.measure.evaluation import auroc, remaining, selection_precision
from relabel.types import FloatArray, IntArray, Progress, silent

RANDOM, ORACLE, REPEATING = "random", "oracle", "oracle with repeats"
BASELINES = (RANDOM, ORACLE)

TO_THE_END = 4
"""Random order may spend this many votes per task, so that its votes to a target are known."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything but the method and the seed.

    labels: (N,) initial labels of all seeds; None = drawn anew for each seed by the noise model.
    budget: votes; None = one per task. retrain_every: votes; None = the first model ranks all.
    rank_every: votes after which one model ranks anew, by what has been said since; None = never.
    repeating_oracle: also run the oracle that may ask a task again, as in the reference code.
    at_once: the panel works at the same time, one task a person, as people do in a live project.
    """

    data: Dataset
    noise: str
    noise_rate: float | None
    budget: int | None = None
    retrain_every: int | None = None
    rank_every: int | None = None
    panel: PanelSpec | None = None
    closing: Closing = "majority"
    max_votes: int | None = 10
    labels: IntArray | None = None
    repeating_oracle: bool = False
    device: str = "cpu"
    at_once: bool = False

    def __post_init__(self) -> None:
        check_panel(self.panel, at_once=self.at_once)

    @property
    def votes(self) -> int:
        """The budget in votes."""
        return self.budget or len(self.data)


@dataclass(frozen=True, slots=True)
class Run:
    """One campaign: of which method and seed, its first labels, visits, curve and figures."""

    method: str
    seed: int
    initial: IntArray
    visits: Visits
    curve: Curve
    figures: Figures


@dataclass(frozen=True, slots=True)
class _Stage:
    """What all campaigns of one seed share."""

    setting: Setting
    seed: int
    initial: IntArray
    counts: IntArray
    annotators: Annotators
    surroundings: Surroundings
    store: Store | None


def run_experiment(
    setting: Setting,
    methods: tuple[Method, ...],
    seeds: tuple[int, ...],
    *,
    folder: Path | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> list[Run]:
    """Run the baselines and all methods for every seed.

    Args:
        setting: data, noise, budget and rules.
        methods: what to compare.
        seeds: run numbers; noise, annotators, ties and models get their own seeds from each.
        folder: where votes and figures are kept, so that a run that was stopped goes on; None =
            nowhere.
        workers: processes, one seed each at a time.
        progress: told how many campaigns of all are done.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    total = len(seeds) * (len(methods) + len(BASELINES) + setting.repeating_oracle)
    runs: list[Run] = []
    for run in _all_runs(setting, methods, seeds, folder, workers):
        runs.append(run)
        progress("campaigns", len(runs), total)
    return sorted(runs, key=lambda run: run.seed)


def _all_runs(
    setting: Setting,
    methods: tuple[Method, ...],
    seeds: tuple[int, ...],
    folder: Path | None,
    workers: int,
) -> Iterator[Run]:
    if workers == 1:
        for seed in seeds:
            yield from run_seed(setting, methods, seed, folder)
        return
    # torch does not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_limited, setting, methods, seed, folder) for seed in seeds]
        for job in as_completed(jobs):
            try:
                yield from job.result()
            except BrokenProcessPool as error:
                raise RelabelError(
                    "A worker process was ended from outside or ran out of memory. Run the same "
                    "command again: what is done is kept; fewer workers need less memory."
                ) from error


def _limited(
    setting: Setting, methods: tuple[Method, ...], seed: int, folder: Path | None
) -> list[Run]:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    with threadpool_limits(1):
        return list(run_seed(setting, methods, seed, folder))


def first_labels(setting: Setting, seed: int) -> IntArray:
    """Return the (N,) labels that the campaigns of a seed begin with.

    Raises:
        InvalidValuesError: one is missing (-1): every figure compares labels with the truth, and
            would take it for a wrong one.

    """
    labels = setting.labels
    if labels is None:
        noise = generator(seed, "noise")
        labels = make_noise(setting.noise, setting.data, noise, rate=setting.noise_rate)
    if (labels < 0).any():
        raise InvalidValuesError(
            f"{int((labels < 0).sum())} samples of {setting.data.name} have no first label; leave "
            "them out with simulation.books.with_first_labels."
        )
    return labels


def run_seed(
    setting: Setting, methods: tuple[Method, ...], seed: int, folder: Path | None = None
) -> Iterator[Run]:
    """Run the baselines and all methods of one seed, on the same first labels and answers."""
    data = setting.data
    initial = first_labels(setting, seed)
    stage = _Stage(
        setting=setting,
        seed=seed,
        initial=initial,
        counts=initial_counts(initial, len(data.classes)),
        annotators=make_annotators(data.distributions, setting.panel, seed_of(seed, "annotators")),
        surroundings=Surroundings(data.features, seed_of(seed, "model")),
        store=None if folder is None else _store(folder, setting, initial, seed),
    )
    yield from _baselines(stage)
    for selector in dict.fromkeys(method.selector for method in methods):
        select = selector_of(
            selector, data, stage.surroundings, seed_of(seed, "model"), setting.device, initial
        )
        for method in methods:
            if method.selector == selector:
                yield _model_run(stage, method, select)


def _store(folder: Path, setting: Setting, initial: IntArray, seed: int) -> Store:
    return store_of(
        folder, setting.data, initial, seed, setting.panel, setting.device, setting.at_once
    )


def _baselines(stage: _Stage) -> Iterator[Run]:
    setting, ties = stage.setting, seed_of(stage.seed, "ties")
    rules = _rules(setting)
    once = Rules(
        TO_THE_END * len(setting.data), closing=setting.closing, max_votes=setting.max_votes
    )
    shuffled = random_order(seed_of(stage.seed, "random order"))
    yield _run(stage, RANDOM, lambda _: shuffled, once)
    knowing = oracle_order(setting.data.distributions, SCORES["ratio"], ties)
    yield _run(stage, ORACLE, lambda _: knowing, replace(once, budget=rules.budget))
    if setting.repeating_oracle:
        again = replace(rules, repeats=True, max_votes=None)
        yield _run(stage, REPEATING, lambda _: knowing, again)


def _model_run(stage: _Stage, method: Method, select: Select) -> Run:
    setting = stage.setting
    rules = _rules(setting)
    if method.diversity != "none" and rules.update_every is None:
        rules = replace(rules, update_every=BATCH)

    def order(kept: Kept) -> Prioritise:
        if method.selector == TWO_PHASE:
            return two_phase_order(
                method.score,
                select,
                setting.data,
                stage.surroundings,
                stage.counts,
                seed=seed_of(stage.seed, "model"),
                device=setting.device,
            )
        return model_order(
            method,
            select,
            stage.surroundings,
            seed=seed_of(stage.seed, "ties"),
            learn_from=None if setting.retrain_every else stage.counts,
            batch=rules.update_every,
            on_scores=kept.save_scores,
        )

    return _run(stage, str(method), order, rules)


def _rules(setting: Setting) -> Rules:
    return Rules(
        budget=setting.votes,
        closing=setting.closing,
        max_votes=setting.max_votes,
        update_every=setting.retrain_every or setting.rank_every,
    )


def _run(
    stage: _Stage,
    name: str,
    order: Callable[[Kept], Prioritise],
    rules: Rules,
) -> Run:
    """Run one campaign, or go on with, or read, what an earlier run left in the folder."""
    kept = stage.store.campaign(name, rules) if stage.store else Kept()
    log, figures = kept.load()
    if log is None or figures is None:
        start = time.perf_counter()
        log = _play(stage, order(kept), rules, log, kept)
        kept.save(log)
        figures = _figures(stage, log, rules, kept.scores(), time.perf_counter() - start)
        kept.finish(figures)
    visits = visits_of(log, stage.counts, rules)
    curve = curve_of(visits, stage.setting.data.truth, stage.initial)
    return Run(name, stage.seed, stage.initial, visits, curve, figures)


def _play(
    stage: _Stage, order: Prioritise, rules: Rules, log: VoteLog | None, kept: Kept
) -> VoteLog:
    """Return the votes of a campaign; one of people at once is not continued but played anew."""
    people = stage.annotators
    if not (stage.setting.at_once and isinstance(people, Panel)):
        return run_campaign(stage.counts, order, people, rules, log=log, on_round=kept.save)
    seconds = np.ones(people.size)
    seed = seed_of(stage.seed, "annotators")
    return run_asynchronous(stage.counts, order, people, rules, seconds=seconds, seed=seed)


def _figures(
    stage: _Stage, log: VoteLog, rules: Rules, scores: FloatArray | None, seconds: float
) -> Figures:
    data, budget = stage.setting.data, stage.setting.votes
    visits = visits_of(log, stage.counts, rules)
    curve = curve_of(visits, data.truth, stage.initial)
    wrong = stage.initial != data.truth
    left = remaining(data, final_labels(visits, stage.initial), replay(log, stage.counts))
    return Figures(
        noise_rate=float(wrong.mean()),
        final_correct=float(curve.at(np.array([budget]))[0]),
        area=curve.area(budget),
        auroc=float("nan") if scores is None else auroc(scores, wrong),
        precision_at_noise=selection_precision(visits, data.truth, int(wrong.sum())),
        remaining_clear=left.clear,
        remaining_ambiguous=left.ambiguous,
        total_variation=left.total_variation,
        seconds=seconds,
    )
