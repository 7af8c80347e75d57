"""Fig. 1: what knowing one uncertain point does to the entropies around it, by diffusion."""

from functools import partial

import numpy as np

from relabel.numerics.diversity.diffusion import diffuse, transition
from relabel.numerics.posteriors import entropy
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.seeds import seed_of
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.kim2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.kim2022.protocol import DIFFERS, LACKS, RATES, USED, Study
from relabel.simulation.papers.kim2022.ways import OURS, WAYS
from relabel.simulation.papers.parts.campaigns import NOT_TEXT
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.kept import Figures, digest, kept
from relabel.simulation.papers.parts.orderings import ordering

POINTS = 20
"""Of the highest entropy; the paper shows one."""


def figure1(job: Job) -> Outcome:
    """Entropy near uncertain points and elsewhere, and how much of it diffusion takes away."""
    study = Study.of(job)
    read = digest(study.vectors, study.data.truth)
    key = {"figure": 1, "numbers": job.numbers, "data": read, "device": job.device}
    found = [
        kept(job.out / "runs", {**key, "seed": seed}, partial(around, study, seed))
        for seed in range(job.numbers.seeds)
    ]
    near, everywhere, taken_near, taken_far = (
        [one["figures"][at] for one in found] for at in range(4)
    )
    rows: list[Row] = [
        {
            "row": "mean entropy of all, nats",
            "paper": "less than 0.7",
            "ours": f"{np.mean(everywhere):.3f}",
        },
        {
            "row": "mean entropy of the ten nearest of uncertain points, nats",
            "paper": NOT_TEXT,
            "ours": f"{np.mean(near):.3f}",
        },
        {
            "row": "neighbours of uncertain points are uncertain",
            "paper": "claimed",
            "ours": ordering(near, everywhere, "nats"),
        },
        {
            "row": "diffusion takes more from the near ones than from others",
            "paper": "claimed",
            "ours": ordering(taken_near, taken_far, "nats"),
        },
    ]
    return Outcome("Kim 2022, Fig. 1", rows)


def around(study: Study, seed: int) -> Figures:
    """Return entropy near uncertain points, of all, and what is taken away near and elsewhere."""
    labels = study.first_labels("uniform", seed)
    counts = initial_counts(labels, len(study.data.classes))
    learnt = study.learn(WAYS[OURS], counts, RATES[0], seed_of(seed, "model"))
    n = len(labels)
    field = entropy(learnt.posteriors.probs[:n].astype(np.float64))
    walk, neighbours = transition(study.surroundings.graph), study.surroundings.neighbours.rows
    as_it_is = diffuse(field, walk)
    found = []
    for point in np.argsort(-field, kind="stable")[:POINTS]:
        taken = as_it_is - diffuse(field, walk, clamped=np.array([point]))
        mine = neighbours[point]
        others = np.ones(n, dtype=bool)
        others[mine] = others[point] = False
        found.append([field[mine].mean(), field.mean(), taken[mine].mean(), taken[others].mean()])
    return {"figures": np.mean(found, axis=0).tolist()}


ENTRY = Entry(
    figure1,
    title="Entropies near an uncertain point, before and after its label is known",
    published="picture; neighbours are uncertain too, and lose entropy by their likeness",
    used=USED,
    differs=DIFFERS,
    small=SMALL["figure 1"],
    paper=PAPER["figure 1"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["figure 1"],
    lacks=LACKS,
)
