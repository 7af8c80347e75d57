"""One network whose tasks weigh by the trajectory of their loss."""

from typing import Unpack

from relabel.errors import ConfigurationError
from relabel.learning.arguments import TrainingArguments
from relabel.learning.loop import Schedule
from relabel.learning.objectives import Supervised
from relabel.learning.selection import Selection, TrainingData
from relabel.learning.training import Training
from relabel.learning.trajectory import BANDWIDTHS, LossTrajectory

DECAY_EPOCHS = 10  # the learning rate falls to a tenth every so many epochs (Kim 2022, section 4)


def robust_update(
    data: TrainingData,
    *,
    delta: float = 0.1,
    bandwidth: str = "mean_sq",
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Train one network with Kim's robust weights (Kim 2022, Eqs. 2 to 4).

    The contribution is alpha: low for tasks whose loss stayed large.

    Args:
        data: votes with embeddings or images.
        delta: in (0, 1], how fast contributions follow the latest losses.
        bandwidth: "mean_sq" (mean loss, squared) or "pairwise" (mean difference of two losses,
            squared). The paper's words allow both. With 80 % wrong labels on CIFAR-10 features the
            second gives a few tasks nearly all the weight within the first epochs, and training
            collapses (accuracy 0.10 against 0.33).
        **arguments: see `TrainingArguments`.
    """
    if not 0 < delta <= 1 or bandwidth not in BANDWIDTHS:
        raise ConfigurationError(
            f"robust_update: delta = {delta} lies in (0, 1]; bandwidth = '{bandwidth}' is one "
            f"of {', '.join(BANDWIDTHS)}."
        )
    training = Training.of(data, arguments)
    peers = training.peers()
    weighting = LossTrajectory(training.tasks, training.rows, delta=delta, bandwidth=bandwidth)
    record = training.fit(Supervised(peers, weighting), peers, schedule=tenths(training.epochs))
    return training.selection(peers, record, weighting.alpha.cpu().numpy())


def tenths(epochs: int) -> Schedule:
    """Return a learning rate that falls to a tenth every ten epochs, three times at most."""
    return lambda progress: 0.1 ** min(3, int(progress * epochs + 1e-9) // DECAY_EPOCHS)
