"""Fig. 4: what stands at the top, in the middle and at the end of the first ranking."""

import numpy as np

from relabel.numerics.diversity.spread import Surroundings
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.rankings import scores_of, selector_of, votes_of
from relabel.simulation.campaign.seeds import seed_of
from relabel.simulation.data.sampling import ambiguous, reference_labels
from relabel.simulation.data.sources.arrays import CIFAR_PIXELS
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import BYOL, LOW, subset
from relabel.simulation.papers.parts.campaigns import NOT_TEXT, percent
from relabel.simulation.papers.parts.data import CIFAR10H
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.orderings import ordering
from relabel.simulation.report.files import write_ranking
from relabel.types import BoolArray, FloatArray

PARTS = {
    "top 10 %": (0.0, 0.10),
    "25 to 50 %": (0.25, 0.50),
    "50 to 75 %": (0.50, 0.75),
    "last 10 %": (0.90, 1.0),
}
"""Where the paper looks in the list, from its top."""


def figure4(job: Job) -> Outcome:
    """Share of wrong and of ambiguous images in parts of the ranking; ranking.png shows some."""
    data = subset(job)
    labels = reference_labels(data, LOW)
    counts = initial_counts(labels, len(data.classes))
    hard, wrong = ambiguous(data), labels != data.truth
    found: dict[str, list[FloatArray]] = {"wrong": [], "ambiguous": []}
    for seed in range(job.numbers.seeds):
        surroundings = Surroundings(data.features, seed_of(seed, "model"))
        select = selector_of("linear", data, surroundings, seed_of(seed, "model"), job.device)
        selection = select(counts, labels)
        score = scores_of("phi", votes_of(counts, labels), selection, seed=seed_of(seed, "ties"))
        order = np.argsort(-score, kind="stable")
        found["wrong"].append(shares(wrong[order]))
        found["ambiguous"].append(shares(hard[order]))
        if seed == 0:
            job.out.mkdir(parents=True, exist_ok=True)
            write_ranking(job.out, data, counts, selection, score, max_pixels=CIFAR_PIXELS)
    rows: list[Row] = [
        {
            "row": f"{part}: share that is {kind}",
            "paper": NOT_TEXT,
            "ours": percent([float(one[at]) for one in seeds]),
        }
        for kind, seeds in found.items()
        for at, part in enumerate(PARTS)
    ]
    tops, middles = ([100 * float(one[at]) for one in found["wrong"]] for at in (0, 1))
    rows.append(
        {
            "row": "more are wrong at the top than further down",
            "paper": "claimed",
            "ours": ordering(tops, middles),
        }
    )
    return Outcome("Bernhardt et al. 2022, Fig. 4", rows)


def shares(ranked: BoolArray) -> FloatArray:
    """Return the share of true values in each of `PARTS` of a ranked (N,)."""
    n = len(ranked)
    parts = [ranked[int(low * n) : int(high * n)] for low, high in PARTS.values()]
    return np.array([part.mean() for part in parts])


ENTRY = Entry(
    figure4,
    title="What is ranked high, in the middle and low, CIFAR-10H, 15 % noise",
    published="pictures; wrong labels at the top, ambiguous images at the bottom",
    used="CIFAR-10H, 5,000 images; SSL-Linear",
    differs="frozen features instead of BYOL's",
    small=SMALL["figure 4"],
    paper=PAPER["figure 4"],
    wants=(CIFAR10H,),
    seconds=SECONDS["figure 4"],
    lacks=(BYOL,),
)
