"""Two networks that choose tasks for one another."""

from typing import Unpack

from relabel.errors import ConfigurationError
from relabel.learning.arguments import TrainingArguments
from relabel.learning.exchange import SmallLossExchange, ramp
from relabel.learning.gradients import VarianceOfGradients
from relabel.learning.networks import Peers
from relabel.learning.noise_rate import estimated_noise_rate
from relabel.learning.objectives import Supervised
from relabel.learning.selection import Selection, TrainingData
from relabel.learning.training import Training


def co_teaching(
    data: TrainingData,
    *,
    forget_rate: float | None = None,
    ramp_epochs: int = 10,
    warm_up: int = 0,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Train two networks, each on what the other finds easy (Han et al. 2018).

    Args:
        data: votes with embeddings or images.
        forget_rate: share of each batch left out at the end; None = the estimated noise rate.
        ramp_epochs: over which it rises from 0, at most half of all.
        warm_up: epochs before the rise, at most a third of all.
        **arguments: see `TrainingArguments`.
    """
    training = Training.of(data, arguments)
    return exchange(
        training,
        training.peers(2),
        forget_rate=forget_rate,
        ramp_epochs=ramp_epochs,
        warm_up=warm_up,
    )


def co_teaching_vog(
    data: TrainingData,
    *,
    forget_rate: float | None = None,
    ramp_epochs: int = 10,
    warm_up: int = 0,
    mix: float = 0.2,
    window: int = 5,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Co-teaching that also keeps hard tasks whose gradients have settled (Khanal et al. 2024).

    Args:
        data: votes with embeddings or images.
        forget_rate: share of each batch left out at the end; None = the estimated noise rate.
        ramp_epochs: over which it rises from 0, at most half of all; the variance chooses nothing
            before it has risen.
        warm_up: epochs before the rise, at most a third of all.
        mix: share in [0, 1] of the kept tasks that the variance of gradients chooses.
        window: epochs that the variance looks back, at least 2 and at most a quarter of all.
        **arguments: see `TrainingArguments`.
    """
    if not 0 <= mix <= 1 or window < 2:
        raise ConfigurationError(
            f"co_teaching_vog: mix = {mix} must lie in [0, 1] and window = {window} be at least 2."
        )
    training = Training.of(data, arguments)
    peers = training.peers(2)
    return exchange(
        training,
        peers,
        forget_rate=forget_rate,
        ramp_epochs=ramp_epochs,
        warm_up=warm_up,
        mix=mix,
        variance=VarianceOfGradients(
            tasks=training.tasks,
            peers=2,
            features=peers.features,
            # A quarter: a warm start runs half of the epochs, and half of those come before.
            window=min(window, max(2, training.epochs // 4)),
        ),
    )


def exchange(
    training: Training,
    peers: Peers,
    *,
    forget_rate: float | None,
    ramp_epochs: int,
    warm_up: int,
    mix: float = 0.0,
    variance: VarianceOfGradients | None = None,
) -> Selection:
    """Train two peers by exchanging tasks; the contribution is the share of the peers that kept it.

    It is NaN for tasks that no batch has held.

    Raises:
        ConfigurationError: forget_rate outside [0, 1).
    """
    if forget_rate is None:
        forget_rate = estimated_noise_rate(training.data, training.run)
    if not 0 <= forget_rate < 1:
        raise ConfigurationError(f"co-teaching: forget_rate = {forget_rate}; it lies in [0, 1).")
    weighting = SmallLossExchange(
        # Where epochs are few, a schedule in epochs would end before anything is forgotten.
        ramp(
            forget_rate,
            epochs=training.epochs,
            over=min(ramp_epochs, max(1, training.epochs // 2)),
            warm_up=min(warm_up, training.epochs // 3),
        ),
        tasks=training.tasks,
        mix=mix,
        variance=variance,
    )
    record = training.fit(Supervised(peers, weighting), peers)
    kept = weighting.chosen[0, weighting.seen].float().mean()
    return training.selection(
        peers,
        record | {"noise_rate": forget_rate, "kept": float(kept)},
        weighting.contribution(),
    )
