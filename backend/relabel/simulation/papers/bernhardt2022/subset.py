"""The published images and first labels, which several figures share."""

from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.sampling import keep_ambiguous, reference_labels
from relabel.simulation.data.sources.arrays import cifar10h
from relabel.simulation.experiment.setting import Setting
from relabel.simulation.papers.parts.entry import Job

LOW, HIGH = 2, 10
"""Temperatures that make 15 and 30 % of the first labels wrong."""

NETWORKS = "networks from pixels (ResNet-110, 160 epochs), which need a GPU"
BYOL = "BYOL on the images (2,500 epochs), which needs a GPU"


def subset(job: Job) -> Dataset:
    """Return all ambiguous images of CIFAR-10H and random clear ones."""
    return keep_ambiguous(cifar10h(job.data_dir), job.numbers.samples)


def published_setting(data: Dataset, temperature: int) -> Setting:
    """Return the setting with the published first labels, the same for all seeds."""
    labels = reference_labels(data, temperature)
    return Setting(data, f"temperature {temperature}, the published draw", None, labels=labels)
