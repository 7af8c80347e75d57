"""Experiments of Bernhardt et al. 2022 on the data at hand."""

from dataclasses import replace

import numpy as np

from relabel.simulation.campaign.rankings import TRUTH, Method
from relabel.simulation.data.sampling import reference_labels
from relabel.simulation.data.sources.arrays import (
    CIFAR10,
    cifar10_training_features,
    cifar10h_subset,
)
from relabel.simulation.experiment.setting import RANDOM, Run, Setting
from relabel.simulation.experiment.summary import Row, summarise
from relabel.simulation.measure.classifiers import labels_after
from relabel.simulation.papers import published
from relabel.simulation.papers.model_selection import compare_models
from relabel.simulation.papers.parts import (
    Job,
    Outcome,
    campaigns,
    clean_test_set,
    mean_accuracy,
)
from relabel.types import IntArray


def bernhardt_fig3(job: Job) -> Outcome:
    """Votes to 90 % correct on the 5,000-image subset of CIFAR-10H with 15 % noise."""
    data = cifar10h_subset(job.data_dir)
    setting = Setting(
        data,
        "temperature 2, the published draw",
        None,
        labels=reference_labels(data, 2),
        repeating_oracle=True,
    )
    methods = (
        *(Method("linear", score) for score in ("phi", "ce", "tiered_phi")),
        Method(TRUTH, "phi"),
    )
    runs = campaigns(setting, methods, job)
    rows = summarise(setting, methods, runs)
    paper = [
        {
            "row": f"{row['method']}: votes to 90 %",
            "paper": published.BERNHARDT_FIG3.get(row["method"], published.NOT_TEXT),
            "ours": f"{row['votes_to']['0.90']:,.0f} votes, "
            f"{row['ratio_to_random']['0.90']:.2f} times fewer than random",
        }
        for row in rows
        if row["votes_to"]["0.90"]
    ]
    return Outcome("Bernhardt et al. 2022, Fig. 3, 15 % noise", paper, setting, methods, runs)


def bernhardt_table1(job: Job) -> Outcome:
    """Test accuracy before and after a third of the samples were relabelled, 30 % noise."""
    data = cifar10h_subset(job.data_dir)
    test = clean_test_set(job.data_dir)
    setting = Setting(data, "temperature 10, the published draw", None)
    setting = replace(setting, labels=reference_labels(data, 10))
    methods = (Method("linear", "phi"), Method("linear", "ce"), Method("linear", "tiered_phi"))
    runs = campaigns(setting, methods, job)
    asked = round(0.327 * len(data))
    seeds = sorted({run.seed for run in runs})
    paper: list[Row] = [
        {"row": row, "paper": f"{before} -> {after} %", "ours": "frozen features: see below"}
        for row, (before, after) in published.BERNHARDT_TABLE1.items()
    ]
    before = mean_accuracy(data, dict.fromkeys(seeds, runs[0].initial), test)
    clean = mean_accuracy(data, dict.fromkeys(seeds, data.truth), test)
    for name in (RANDOM, *map(str, methods)):
        mine = {run.seed: run for run in runs if run.method == name}
        after = {s: _after_visits(run, asked) for s, run in mine.items()}
        ours = f"{before} -> {mean_accuracy(data, after, test)} (clean labels: {clean})"
        paper.append({"row": f"{name}, linear classifier", "paper": "-", "ours": ours})
    return Outcome("Bernhardt et al. 2022, Table 1", paper, setting, methods, runs)


def bernhardt_table2(job: Job) -> Outcome:
    """Which of two models wins by noisy, partly cleaned and true evaluation labels."""
    pool = cifar10_training_features(job.data_dir)
    found = [compare_models(pool, CIFAR10, seed) for seed in range(min(job.seeds, 3))]
    paper: list[Row] = []
    for row in zip(*found, strict=True):
        robust, flexible, noise = (
            np.mean([getattr(each, field) for each in row]) * 100
            for field in ("robust", "flexible", "noise")
        )
        m1, m2 = published.BERNHARDT_TABLE2[row[0].on]
        better = "M1" if robust > flexible else "M2"
        told = f"M1 {robust:.2f}, M2 {flexible:.2f}: {better} ({noise:.1f} % noise left)"
        paper.append(
            {"row": f"IDN, {row[0].on} labels", "paper": f"M1 {m1}, M2 {m2}", "ours": told}
        )
    return Outcome("Bernhardt et al. 2022, Table 2, instance-dependent noise", paper)


def _after_visits(run: Run, visits: int) -> IntArray:
    last = min(visits, len(run.visits.ends)) - 1
    return labels_after(run.visits, run.initial, int(run.visits.ends[last]))
