"""Fig. 6 b and c: which classes are confused at temperature 2, over all and over hard images."""

import numpy as np

from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.noise_models import heat
from relabel.simulation.data.sampling import ambiguous
from relabel.simulation.data.sources.arrays import cifar10h
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import LOW
from relabel.simulation.papers.parts.campaigns import NOT_TEXT
from relabel.simulation.papers.parts.data import CIFAR10H
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.types import BoolArray, FloatArray

SHOWN = 3


def figure6(job: Job) -> Outcome:
    """How often classes keep their label, which are confused most, and whether they prevail."""
    data = cifar10h(job.data_dir).rows(np.arange(job.numbers.samples))
    every = np.ones(len(data), dtype=bool)
    rows: list[Row] = []
    for name, mine in {"all images": every, "difficult images": ambiguous(data)}.items():
        matrix = confusion(data, mine)
        wrong = 1 - heat(data.distributions[mine], LOW)[np.arange(mine.sum()), data.truth[mine]]
        told = {
            "expected share of wrong labels": f"{wrong.mean():.4f} of {mine.sum():,}",
            "confused most": ", ".join(most_confused(matrix, data.classes)),
            "classes whose own label prevails": f"{dominant(matrix)} of {len(matrix)}",
        }
        rows += [
            {"row": f"{name}: {what}", "paper": NOT_TEXT, "ours": value}
            for what, value in told.items()
        ]
    return Outcome("Bernhardt et al. 2022, Fig. 6", rows)


def confusion(data: Dataset, rows: BoolArray) -> FloatArray:
    """Return (K, K) T[true, given] averaged over the rows; a class without any has zeros."""
    hot = heat(data.distributions[rows], LOW)
    truth, k = data.truth[rows], len(data.classes)
    matrix: FloatArray = np.zeros((k, k))
    np.add.at(matrix, truth, hot)
    return matrix / np.maximum(np.bincount(truth, minlength=k), 1)[:, None]


def most_confused(matrix: FloatArray, classes: tuple[str, ...]) -> list[str]:
    """Return the likeliest confusions in words, "cat as dog .12"."""
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    cells = np.argsort(-off, axis=None)[:SHOWN]
    pairs = (divmod(int(cell), len(matrix)) for cell in cells)
    return [f"{classes[true]} as {classes[given]} {off[true, given]:.3f}" for true, given in pairs]


def dominant(matrix: FloatArray) -> int:
    """Return how many classes are called what they are more often than anything else."""
    return int((matrix.argmax(1) == np.arange(len(matrix))).sum())


ENTRY = Entry(
    figure6,
    title="Which classes are confused at temperature 2, all and difficult images",
    published="pictures; each class keeps its label most often",
    used="CIFAR-10H, 10,000 images",
    differs="nothing",
    small=SMALL["figure 6"],
    paper=PAPER["figure 6"],
    wants=(CIFAR10H,),
    seconds=SECONDS["figure 6"],
)
