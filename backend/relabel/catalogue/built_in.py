"""What our registries hold, told without torch. Written by `docs/make_catalogue.py`."""

from typing import Any

from relabel.catalogue.signatures import Entry, Option

TRAINING: dict[str, Option] = {
    "network": Option(str | None),
    "epochs": Option(int | None),
    "learning_rate": Option(float | None),
    "batch_size": Option(int | None),
    "augment": Option(str | None),
    "balanced": Option(bool),
    "patience": Option(int),
    "passes": Option(int),
    "mc_dropout": Option(bool),
    "mixed_precision": Option(bool),
}
"""Options of every selector that trains a network."""

RUN = ("seed", "device", "progress", "checkpoint", "warm_start", "method", "pretrained")
"""Keyword parameters of every selector that are no options."""

SELECTORS: dict[str, Entry] = {
    "linear": Entry(
        "Cross-fit a linear classifier on frozen embeddings.", {"folds": Option(int, 5)}
    ),
    "vanilla": Entry(
        "Train one network by cross-entropy, as if all votes were right (Bernhardt et al. 2022).",
        {"smoothing": Option(float, 0.0), **TRAINING},
    ),
    "co_teaching": Entry(
        "Train two networks, each on what the other finds easy (Han et al. 2018).",
        {
            "forget_rate": Option(float | None, None),
            "ramp_epochs": Option(int, 10),
            "warm_up": Option(int, 0),
            **TRAINING,
        },
    ),
    "co_teaching_vog": Entry(
        "Co-teaching that also keeps hard tasks whose gradients have settled (Khanal et al. 2024).",
        {
            "forget_rate": Option(float | None, None),
            "ramp_epochs": Option(int, 10),
            "warm_up": Option(int, 0),
            "mix": Option(float, 0.2),
            "window": Option(int, 5),
            **TRAINING,
        },
    ),
    "robust_update": Entry(
        "Train one network with Kim's robust weights (Kim 2022, Eqs. 2 to 4).",
        {"delta": Option(float, 0.1), "bandwidth": Option(str | None, None), **TRAINING},
    ),
    "elr": Entry(
        "Train one network with early-learning regularisation (Liu et al. 2020).",
        {"strength": Option(float, 3.0), "memory": Option(float, 0.7), **TRAINING},
    ),
    "dalc": Entry(
        "Train one network through an estimated noise matrix (Li et al. 2022).",
        {"dual": Option(float, 0.0), **TRAINING},
    ),
    "o2u": Entry(
        "Train one network whose learning rate cycles between over- and underfitting.",
        {"cycle": Option(int, 10), "skip": Option(int, 10), **TRAINING},
    ),
    "simifeat": Entry(
        "Let the nearest neighbours vote; nothing is trained (Zhu et al. 2022).",
        {"neighbours": Option(int, 10), "prior": Option(float, 1.0)},
    ),
    "ssl_linear": Entry(
        "Train a linear head on features of BYOL (Bernhardt et al. 2022, SSL-Linear).",
        {
            "body": Option(str, "small_cnn"),
            "pretrain_epochs": Option(int, 100),
            "pretrain_batch": Option(int, 256),
            "smoothing": Option(float, 0.1),
            "logit_penalty": Option(float, 0.3),
            **TRAINING,
        },
    ),
    "ssl_co_teaching": Entry(
        "Co-teach two networks that start from the same BYOL features (Bernhardt et al. 2022).",
        {
            "body": Option(str, "small_cnn"),
            "pretrain_epochs": Option(int, 100),
            "pretrain_batch": Option(int, 256),
            "forget_rate": Option(float | None, None),
            "warm_up": Option(int, 10),
            **TRAINING,
        },
    ),
    "ensemble": Entry(
        "Average the posteriors of several selectors, each run once per repeat with its own seed.",
        {
            "of": Option(tuple[str, ...], ("linear", "co_teaching")),
            "repeats": Option(int, 1),
            "options": Option(dict[str, dict[str, Any]] | None, None),
        },
    ),
    "cross_fit": Entry(
        "Run another selector once per fold, each time without the votes of that fold.",
        {
            "of": Option(str, "vanilla"),
            "folds": Option(int, 5),
            "options": Option(dict[str, dict[str, Any]] | None, None),
        },
    ),
    "auto": Entry(
        "Measure each candidate on settled tasks and use the one that finds most wrong labels.",
        {
            "candidates": Option(tuple[str, ...], ("linear", "co_teaching", "simifeat")),
            "fallback": Option(str, "linear"),
            "options": Option(dict[str, dict[str, Any]] | None, None),
        },
    ),
}
"""Every selector."""

PAIRS = ("co_teaching", "co_teaching_vog", "ssl_co_teaching")
"""Selectors that train two networks."""

SCORES: dict[str, Entry] = {
    "phi": Entry("CE(q, p) - H(p) in nats, in [-ln K, 27.631]: mislabelled and easy first."),
    "phi_hinge": Entry(
        "CE - max(0, H - gamma), logarithms to base K: entropy counts only beyond `gamma`.",
        {"gamma": Option(float, 0.3)},
    ),
    "ce": Entry("CE(q, p) in nats, in [0, 27.631] (Bernhardt et al. 2022, Eq. 3)."),
    "tiered_phi": Entry(
        "Tasks whose likeliest class is not their label, by phi; below them all others, by CE."
    ),
    "entropy": Entry("H(p) in nats, in [0, ln K]: ambiguous first, whatever the label says."),
    "loss_entropy": Entry(
        'CE + H in nats: mislabelled and ambiguous first ("LossEnt" in Kim 2022).'
    ),
    "corractive": Entry("-ln p of the label, in nats: high training loss first (Kim 2022, 4.1)."),
    "margin": Entry("Minus the gap between the two likeliest classes, in [-1, 0]."),
    "least_conf": Entry("1 - max p, in [0, 1 - 1/K]."),
    "label_margin": Entry(
        'Likeliest other class minus the label\'s own, in [-1, 1] (the "normalised margin").'
    ),
    "bald": Entry(
        "H(mean p) - mean H(p) over passes and members, in nats, in [0, min(ln S, ln K)]."
    ),
    "ratio": Entry("(1 - p[label]) / expected votes to a strict majority, in [0, 1]."),
    "random": Entry("A random order: distinct values in [0, 1)."),
    "activelab": Entry(
        "Minus ActiveLab's score with unit weights, in [-1, 0] (Goh and Mueller 2023)."
    ),
    "gain": Entry(
        "What one more vote on the task is expected to gain, right labels per vote: one at a time."
    ),
}
"""Every score."""

GAIN = "gain"
"""The score that asks one vote at a time."""

OF_MEMBERS = ("bald",)
"""Scores that compare several networks or passes."""

DIVERSITY: dict[str, Entry] = {
    "none": Entry("The n best by score alone."),
    "diffusion": Entry(
        "Pick n tasks one by one, each time the highest field, then diffuse.",
        {
            "mode": Option(str, "delta"),
            "strength": Option(float, 1.0),
            "steps": Option(int, 10),
            "delta": Option(float, 0.1),
            "reach": Option(int, 3),
            "candidate_factor": Option(int, 5),
        },
    ),
    "k_centre": Entry(
        "k-centre greedy: each pick is the task farthest from everything covered or picked."
    ),
    "quotas": Entry("Take turns between the classes, so that a rare one is not crowded out."),
}
"""Every way to spread the front."""

ENCODERS: dict[str, Entry] = {
    "tiny": Entry("Describe small images without a network."),
    "resnet18": Entry("Return a torchvision network without its classifier."),
    "resnet50": Entry("Return a torchvision network without its classifier."),
    "resnet101": Entry("Return a torchvision network without its classifier."),
    "mobilenet_v2": Entry("Return a torchvision network without its classifier."),
    "mobilenet_v3_large": Entry("Return a torchvision network without its classifier."),
    "convnext_tiny": Entry("Return a torchvision network without its classifier."),
    "vit_b_16": Entry("Return a torchvision network without its classifier."),
    "dinov2_vits14": Entry(
        "Return DINOv2 ViT-S/14 (Oquab et al. 2023) with the weights of a local file."
    ),
    "cifar_resnet20": Entry(
        "Return a ResNet for 32 px with the weights of a local file, such as BYOL leaves."
    ),
}
"""Every encoder."""

FETCHED: dict[str, tuple[str, float]] = {
    "resnet18": ("https://download.pytorch.org/models/resnet18-f37072fd.pth", 46.8),
    "resnet50": ("https://download.pytorch.org/models/resnet50-11ad3fa6.pth", 102.5),
    "resnet101": ("https://download.pytorch.org/models/resnet101-cd907fc2.pth", 178.8),
    "mobilenet_v2": ("https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth", 14.3),
    "mobilenet_v3_large": (
        "https://download.pytorch.org/models/mobilenet_v3_large-5c1a4163.pth",
        22.1,
    ),
    "convnext_tiny": ("https://download.pytorch.org/models/convnext_tiny-983f1562.pth", 114.4),
    "vit_b_16": ("https://download.pytorch.org/models/vit_b_16-c867db91.pth", 346.3),
}
"""Address and size (MB, 10^6 bytes) of the weights that an encoder fetches."""
UNWEIGHTED = ("tiny",)
"""Encoders that have no weights."""
