"""Campaigns of several methods over several seeds, on the same noise and the same answers."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from relabel.errors import RelabelError
from relabel.learning.device import choose_device
from relabel.numerics.diversity.spread import Surroundings
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.people import make_annotators
from relabel.simulation.campaign.rankings import Method, selector_of
from relabel.simulation.campaign.seeds import seed_of
from relabel.simulation.experiment.campaigns import Stage, baselines, model_run, weighing_oracle
from relabel.simulation.experiment.setting import (
    BASELINES,
    Run,
    Setting,
    check_method,
    first_labels,
)
from relabel.simulation.experiment.store import Store, store_of
from relabel.types import IntArray, Progress, silent


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

    Raises:
        ConfigurationError: a method cannot be simulated under this setting, or the device is not
            there.
    """
    for method in methods:
        check_method(
            method,
            at_once=setting.at_once,
            audit_share=setting.audit_share,
            closing=setting.closing,
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    oracles = setting.repeating_oracle + any(m.consensus == "posterior" for m in methods)
    total = len(seeds) * (len(methods) + len(BASELINES) + oracles)
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


def run_seed(
    setting: Setting, methods: tuple[Method, ...], seed: int, folder: Path | None = None
) -> Iterator[Run]:
    """Run the baselines and all methods of one seed, on the same first labels and answers."""
    setting = replace(setting, device=choose_device(setting.device))
    data = setting.data
    initial = first_labels(setting, seed)
    stage = Stage(
        setting=setting,
        seed=seed,
        initial=initial,
        counts=initial_counts(initial, len(data.classes)),
        annotators=make_annotators(
            data.distributions, setting.panel, seed_of(seed, "annotators"), data.answers
        ),
        surroundings=Surroundings(data.features, seed_of(seed, "model")),
        store=None if folder is None else _store(folder, setting, initial, seed),
    )
    yield from baselines(stage)
    weighing = next((m.learner for m in methods if m.consensus == "posterior"), None)
    for learner in dict.fromkeys(method.learner for method in methods):
        mine = [method for method in methods if method.learner == learner]
        select = selector_of(
            mine[0].selector,
            data,
            stage.surroundings,
            seed_of(seed, "model"),
            setting.device,
            initial,
            options=mine[0].options,
            folder=None if stage.store is None else stage.store.training(learner),
        )
        if learner == weighing:
            yield weighing_oracle(stage, select)
        for method in mine:
            yield model_run(stage, method, select)


def _store(folder: Path, setting: Setting, initial: IntArray, seed: int) -> Store:
    return store_of(
        folder, setting.data, initial, seed, setting.panel, setting.device, setting.at_once
    )
