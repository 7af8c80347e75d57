"""Co-teaching of two networks that start from the same features of BYOL.

Batch, task: as in `co_teaching`; the bodies are trained on.
Defaults: BYOL for 100 epochs; nothing is left out for 10 epochs, then the whole noise rate at once.
Source: Bernhardt et al. 2022, Active label cleaning for improved dataset quality under resource
constraints, Methods; the features: `relabel.learning.ssl.byol`.
"""

from typing import Unpack

from relabel.learning.data import Selection, TrainingData
from relabel.learning.selectors.co_teaching import train_pair
from relabel.learning.ssl.byol import pretrained
from relabel.learning.training.options import TrainingArguments, run_of
from relabel.learning.training.train import Training


def ssl_co_teaching(
    data: TrainingData,
    *,
    body: str = "small_cnn",
    pretrain_epochs: int = 100,
    pretrain_batch: int = 256,
    forget_rate: float | None = None,
    warm_up: int = 10,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Co-teach two networks that start from the same BYOL features (Bernhardt et al. 2022).

    The bodies are trained on; only the heads differ at the start.

    Args:
        data: needs `images`.
        body: the network, one of `ARCHITECTURES` that reads images.
        pretrain_epochs: of BYOL.
        pretrain_batch: images per batch of BYOL.
        forget_rate: share of each batch left out at the end; None = the estimated noise rate.
        warm_up: epochs before any task is left out, at most a third of all.
        **arguments: of the co-teaching, see `TrainingArguments`.
    """
    encoder, _ = pretrained(
        data,
        run_of(arguments),
        body,
        pretrain_epochs,
        pretrain_batch,
        mixed_precision=arguments.get("mixed_precision", False),
    )
    arguments["network"] = body
    training = Training.of(data, arguments)
    pair = training.peers(2)
    for trained in pair.bodies():
        trained.load_state_dict(encoder.state_dict())
    return train_pair(training, pair, forget_rate=forget_rate, ramp_epochs=1, warm_up=warm_up)
