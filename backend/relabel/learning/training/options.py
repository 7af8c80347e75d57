"""The options that all selectors which train a network share."""

from relabel.learning.data import Run, RunArguments
from relabel.types import silent


class TrainingArguments(RunArguments, total=False):
    """The options of every selector that trains a network.

    network: one of `ARCHITECTURES`; None = an MLP on embeddings, or a small CNN on images.
    epochs, learning_rate, batch_size: None = the network's own.
    augment: one of `AUGMENTS`; None = the network's own.
    balanced: show every class equally often.
    patience: epochs without a better held-out loss after which training ends; 0 = never early.
    passes: how often each task is asked: through dropout, or augmented (0 = once, as it is).
        Refused where neither changes the answer.
    mc_dropout: ask with dropout instead of augmentation (Gal & Ghahramani 2016).
    mixed_precision: run the forward pass of a training, BYOL's too, in bfloat16; networks are asked
        in float32. On a CPU that has it a training step of the small CNN took 0.62 and one of
        ResNet-20 0.62 of the time; where it is emulated it is slower. A bare loop on an
        H100 trained ResNet-20 in batches of 256 no faster by it. So it is off by default.
    """

    network: str | None
    epochs: int | None
    learning_rate: float | None
    batch_size: int | None
    augment: str | None
    balanced: bool
    patience: int
    passes: int
    mc_dropout: bool
    mixed_precision: bool


def run_of(arguments: TrainingArguments) -> Run:
    """Return the part of the arguments that says how to run."""
    return Run(
        arguments.get("seed", 0),
        arguments.get("device", "cpu"),
        arguments.get("progress", silent),
        arguments.get("checkpoint"),
        arguments.get("warm_start"),
        arguments.get("method", ""),
        arguments.get("pretrained"),
    )
