"""Experiments of Kim 2022 and Khanal et al. 2024 on the data at hand."""

import numpy as np

from relabel.simulation.campaign.rankings import TWO_PHASE, Method
from relabel.simulation.campaign.seeds import generator
from relabel.simulation.campaign.two_phase import QUERIES
from relabel.simulation.data.dataset import Dataset, HeldOut
from relabel.simulation.data.sampling import long_tailed
from relabel.simulation.data.sources.arrays import cifar10_training_features
from relabel.simulation.experiment.setting import RANDOM, Run, Setting
from relabel.simulation.experiment.summary import Row
from relabel.simulation.measure.classifiers import classify, labels_after
from relabel.simulation.papers import published
from relabel.simulation.papers.parts import (
    TESTED,
    Job,
    Outcome,
    campaigns,
    clean_test_set,
    from_pool,
    mean_accuracy,
)

KIM_SAMPLES, KIM_ROUNDS = 6000, 5
"""A sample of CIFAR-10 in place of all 50,000: the rounds are as large a share of it (2 %)."""


def khanal(job: Job) -> Outcome:
    """Long-tailed data, 40 % noise: macro F1 after eight rounds of expert labels."""
    pool = cifar10_training_features(job.data_dir)
    test = clean_test_set(job.data_dir)
    # The tail takes all there is of its first class, so the test set is set apart before.
    rows = long_tailed(pool.labels[:-TESTED], 100, generator(0, "sample"))
    data = from_pool(pool, rows, "cifar10_long_tailed")
    every = len(data) // 40
    setting = Setting(
        data, "symmetric", 0.4, budget=8 * every, retrain_every=every, closing="expert"
    )
    methods = (*(Method(TWO_PHASE, query) for query in QUERIES), Method("linear", "ce"))
    runs = campaigns(setting, methods, job)
    paper: list[Row] = [
        {"row": row, "paper": text, "ours": "images not at hand: long-tailed CIFAR-10 below"}
        for row, text in published.KHANAL.items()
    ]
    paper += [
        {
            "row": f"{name}: macro F1",
            "paper": published.NOT_TEXT,
            "ours": _f1_curve(data, [r for r in runs if r.method == name], test, setting.votes),
        }
        for name in (RANDOM, *map(str, methods))
    ]
    return Outcome("Khanal et al. 2024, phase 2", paper, setting, methods, runs)


def kim_table1(job: Job) -> Outcome:
    """Share of wrong labels among the queried ones, 80 % uniform noise."""
    setting = _kim(job)
    methods = tuple(
        Method("linear", score) for score in ("corractive", "entropy", "loss_entropy", "phi", "ce")
    )
    methods += (Method("robust_update", "entropy", "diffusion"),)
    runs = campaigns(setting, methods, job)
    names = {RANDOM: "random", str(methods[-1]): "robust_update"}
    names |= {str(method): method.score for method in methods[:-1]}
    paper: list[Row] = []
    for name, key in names.items():
        values = [_precision(run) for run in runs if run.method == name]
        known = published.KIM_TABLE1.get(key)
        paper.append(
            {
                "row": f"{name}: wrong among queried",
                "paper": "-" if known is None else f"{known:.2f} % (CIFAR-100)",
                "ours": f"{100 * float(np.mean(values)):.2f} %",
            }
        )
    return Outcome("Kim 2022, Table 1", paper, setting, methods, runs)


def kim_fig2(job: Job) -> Outcome:
    """Accuracy of the classifier against the number of corrected labels, 80 % noise."""
    methods = (
        Method("linear", "entropy"),
        Method("linear", "corractive"),
        Method("robust_update", "entropy", "diffusion"),
    )
    return _kim_accuracy(job, methods, "Kim 2022, Fig. 2")


def kim_fig4(job: Job) -> Outcome:
    """Active correction against explicit noise detectors."""
    methods = (
        Method("simifeat", "ce"),
        Method("linear", "ce"),
        Method("robust_update", "entropy", "diffusion"),
    )
    return _kim_accuracy(job, methods, "Kim 2022, Fig. 4")


def kim_fig5(job: Job) -> Outcome:
    """With and without diffusion."""
    methods = tuple(Method("linear", "entropy", spread) for spread in ("none", "diffusion"))
    return _kim_accuracy(job, methods, "Kim 2022, Fig. 5")


def _kim(job: Job) -> Setting:
    pool = cifar10_training_features(job.data_dir)
    kept_for_testing = len(pool.labels) - TESTED
    rows = generator(0, "sample").permutation(kept_for_testing)[:KIM_SAMPLES]
    every = KIM_SAMPLES // 50
    return Setting(
        from_pool(pool, rows, "cifar10"),
        "symmetric",
        0.8,
        budget=KIM_ROUNDS * every,
        retrain_every=every,
        closing="expert",
    )


def _kim_accuracy(job: Job, methods: tuple[Method, ...], title: str) -> Outcome:
    setting = _kim(job)
    runs = campaigns(setting, methods, job)
    test = clean_test_set(job.data_dir)
    paper: list[Row] = []
    for name in (RANDOM, *map(str, methods)):
        after = {
            run.seed: labels_after(run.visits, run.initial, setting.votes)
            for run in runs
            if run.method == name
        }
        ours = f"{mean_accuracy(setting.data, after, test)} with {setting.votes:,} labels"
        paper.append({"row": f"{name}: test accuracy", "paper": published.NOT_TEXT, "ours": ours})
    return Outcome(title, paper, setting, methods, runs)


def _f1_curve(data: Dataset, runs: list[Run], test: HeldOut, budget: int) -> str:
    points = []
    for votes in (0, budget // 2, budget):
        values = [
            classify(
                "linear", data, labels_after(r.visits, r.initial, votes), test, r.seed
            ).macro_f1
            for r in runs
        ]
        points.append(f"{np.mean(values):.3f} at {votes:,}")
    return ", ".join(points)


def _precision(run: Run) -> float:
    visits = run.visits
    return float((visits.before != visits.after).mean())
