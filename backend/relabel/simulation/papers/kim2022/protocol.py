"""What all figures and tables of Kim 2022 share: data, noise, budget, and the accuracy reached."""

from relabel.simulation.campaign.rankings import Method
from relabel.simulation.campaign.seeds import generator
from relabel.simulation.data.sources.arrays import cifar10_training_features
from relabel.simulation.experiment.setting import RANDOM, Setting
from relabel.simulation.experiment.summary import Row
from relabel.simulation.measure.classifiers import labels_after
from relabel.simulation.papers.parts.campaigns import NOT_TEXT, campaigns, mean_accuracy
from relabel.simulation.papers.parts.data import clean_test_set, from_pool
from relabel.simulation.papers.parts.entry import Job, Outcome

USED = (
    "CIFAR-10, CIFAR-100, Fashion-MNIST, Caltech-256; four layers on a frozen ResNet-101; "
    "1,000 labels 15 times; 10 repeats"
)


def setting_of(job: Job) -> Setting:
    """Return a sample of CIFAR-10 with 80 % uniform noise, and experts who answer in batches."""
    numbers = job.numbers
    pool = cifar10_training_features(job.data_dir)
    kept_for_testing = len(pool.labels) - numbers.tested
    rows = generator(0, "sample").permutation(kept_for_testing)[: numbers.samples]
    return Setting(
        from_pool(pool, rows, "cifar10"),
        "symmetric",
        0.8,
        budget=numbers.rounds * numbers.batch,
        retrain_every=numbers.batch,
        closing="expert",
    )


def accuracy(job: Job, methods: tuple[Method, ...], title: str) -> Outcome:
    """Return the accuracy of a classifier trained on what each method leaves behind."""
    setting = setting_of(job)
    runs = campaigns(setting, methods, job)
    test = clean_test_set(job.data_dir, job.numbers.tested)
    paper: list[Row] = []
    for name in (RANDOM, *map(str, methods)):
        after = {
            run.seed: labels_after(run.visits, run.initial, setting.votes)
            for run in runs
            if run.method == name
        }
        ours = f"{mean_accuracy(setting.data, after, test)} with {setting.votes:,} labels"
        paper.append({"row": f"{name}: test accuracy", "paper": NOT_TEXT, "ours": ours})
    return Outcome(title, paper, setting, methods, runs)
