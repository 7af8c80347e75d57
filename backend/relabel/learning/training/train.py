"""Training networks and asking them: what every selector that trains one has in common."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from relabel.errors import ConfigurationError, NotReadyError
from relabel.learning.augment import AUGMENTS
from relabel.learning.batches import Augment, Batches, balancing_weights
from relabel.learning.data import Record, Run, Selection, TrainingData
from relabel.learning.folds import together
from relabel.learning.gpu import is_gpu, placed
from relabel.learning.networks.registry import Architecture, architecture_of, build, inputs_of
from relabel.learning.networks.side_by_side import Peers, side_by_side
from relabel.learning.training.checkpoints import (
    EDITION,
    Checkpoint,
    fingerprint,
    load_matching,
    read_state,
    weights_in,
)
from relabel.learning.training.loop import Objective, Schedule, constant, fit
from relabel.learning.training.options import TrainingArguments, run_of
from relabel.learning.training.patience import EarlyStopped
from relabel.learning.training.predict import ask
from relabel.types import Posteriors

HELD_OUT = 0.1  # share of the labelled tasks that early stopping watches
LEAST_BATCHES = 8  # per epoch, unless the batch size is given
FINE_TUNING_EPOCHS = (
    20  # after a warm start (Bernhardt et al. 2022: 20 epochs, rate / 40, constant)
)
FINE_TUNING_RATE = 1 / 40


@dataclass(frozen=True)
class Training:
    """Data, network and settings of one training."""

    data: TrainingData
    run: Run
    architecture: Architecture
    inputs: Tensor
    epochs: int
    learning_rate: float
    batch_size: int
    augment: Augment | None
    balanced: bool = False
    patience: int = 0
    passes: int = 0
    mc_dropout: bool = False
    mixed_precision: bool = False

    @classmethod
    def of(cls, data: TrainingData, arguments: TrainingArguments) -> "Training":
        """Return the training that a selector's keyword arguments ask for.

        Raises:
            ConfigurationError: unknown network or augmentation, or one without its input.
            NotReadyError: fewer labelled tasks than classes.
        """
        classes = data.counts.shape[1]
        if len(data.labelled) < max(classes, 4):
            raise NotReadyError(
                f"{len(data.labelled)} tasks have votes; training a network of {classes} classes "
                f"needs at least {max(classes, 4)}. Label more tasks first."
            )
        own = architecture_of(arguments.get("network"), data)
        augment = arguments.get("augment") or own.augment
        if augment not in AUGMENTS:
            raise ConfigurationError(f"Unknown augment '{augment}'; known: {', '.join(AUGMENTS)}.")
        _check_passes(arguments, own, augment)
        run = run_of(arguments)
        return cls(
            data,
            run,
            own,
            placed(inputs_of(data, own), run.device),
            epochs=arguments.get("epochs") or own.epochs,
            learning_rate=arguments.get("learning_rate") or own.learning_rate,
            batch_size=arguments.get("batch_size")
            or max(1, min(own.batch_size, len(data.labelled) // LEAST_BATCHES)),
            augment=AUGMENTS[augment] if own.reads == "images" else None,
            balanced=arguments.get("balanced", False),
            patience=arguments.get("patience", 0),
            passes=arguments.get("passes", 0),
            mc_dropout=arguments.get("mc_dropout", False),
            mixed_precision=arguments.get("mixed_precision", False),
        )

    @property
    def classes(self) -> int:
        """K."""
        return int(self.data.counts.shape[1])

    @property
    def tasks(self) -> int:
        """N."""
        return len(self.data.task_ids)

    @property
    def rows(self) -> Tensor:
        """Rows (n,) that are trained on: the labelled ones that early stopping does not watch."""
        return self._split()[0]

    def peers(self, count: int = 1) -> Peers:
        """Return `count` new networks on the run's device."""
        peers = side_by_side(
            lambda: build(self.architecture, self.inputs, self.classes), count, self.run.seed
        )
        if self.architecture.reads == "images":
            # Convolutions take 0.75 (small CNN) to 0.84 (ResNet-20) of the time in this layout.
            peers = peers.to(memory_format=torch.channels_last)
        return peers.to(self.run.device)

    def fit(
        self,
        objective: Objective,
        peers: Peers,
        *,
        schedule: Schedule | None = None,
        stage: str = "train",
    ) -> Record:
        """Train `peers` through `objective` and return what to record about it.

        schedule: of the learning rate; None = half a cosine. After a warm start it is constant.
        """
        warm = self._warm_start(peers, stage)
        epochs = min(FINE_TUNING_EPOCHS, max(1, self.epochs // 2)) if warm else self.epochs
        rate = self.learning_rate * (FINE_TUNING_RATE if warm else 1)
        watched = self._watched(objective.to(self.run.device), peers)
        peers.train()
        fitted = fit(
            watched,
            self._batches(),
            torch.optim.SGD(
                objective.parameters(),
                lr=rate,
                momentum=0.9,
                nesterov=True,
                weight_decay=self.architecture.weight_decay,
                fused=is_gpu(self.run.device) or None,
            ),
            epochs=epochs,
            schedule=constant if warm else schedule or half_cosine,
            checkpoint=self._checkpoint(stage, watched, epochs, rate),
            autocast=torch.bfloat16 if self.mixed_precision else None,
            progress=self.run.progress,
            stage=stage,
        )
        if isinstance(watched, EarlyStopped):
            peers.load_state_dict(watched.best.state_dict())
        return {"epochs": fitted.epochs, "loss": fitted.loss, "warm_start": int(warm)}

    def selection(
        self, peers: Peers, record: Record, contribution: Tensor | None = None
    ) -> Selection:
        """Ask the networks about every task; the posterior is the mean over passes and networks."""
        members = ask(
            peers,
            self.inputs,
            passes=self.passes,
            augment=None if self.mc_dropout else self.augment,
            mc_dropout=self.mc_dropout,
            seed=self.run.seed,
            device=self.run.device,
        )
        probs = members.mean((0, 1), dtype=np.float64)
        probs /= probs.sum(1, keepdims=True)
        trust = None if contribution is None else contribution.cpu().numpy().astype(np.float64)
        return Selection(
            Posteriors(self.data.task_ids, probs.astype(np.float32)),
            out_of_sample=False,
            contribution=trust,
            members=members if members.shape[0] * members.shape[1] > 1 else None,
            record=record,
        )

    def _split(self) -> tuple[Tensor, Tensor]:
        labelled = self.data.labelled
        if not self.patience:
            return torch.from_numpy(labelled), torch.empty(0, dtype=torch.int64)
        order = np.random.default_rng([self.run.seed, 1]).permutation(labelled)
        size = max(1, round(HELD_OUT * len(order)))
        unit = together(order, self.data.groups, size)
        # A near-duplicate of a watched task would tell the network its label.
        held = np.isin(unit, unit[:size])
        return torch.from_numpy(np.sort(order[~held])), torch.from_numpy(np.sort(order[held]))

    def _batches(self) -> Batches:
        rows = self.rows
        labels = torch.from_numpy(self.data.labels)
        return Batches(
            self.inputs,
            torch.from_numpy(self.data.targets).to(self.run.device),
            rows,
            self.batch_size,
            self.run.seed,
            self.augment,
            balancing_weights(labels[rows]) if self.balanced else None,
            self.run.device,
        )

    def _watched(self, objective: Objective, peers: Peers) -> Objective:
        if not self.patience:
            return objective
        held = self._split()[1]
        targets = torch.from_numpy(self.data.targets)[held]
        device = self.run.device
        return EarlyStopped(
            objective,
            peers,
            self.inputs[held.to(self.inputs.device)].to(device),
            targets.to(device),
            self.patience,
        )

    def _warm_start(self, peers: Peers, stage: str) -> bool:
        if self.run.warm_start is None:
            return False
        state = read_state(self.run.warm_start / f"{stage}.pt")
        return state is not None and load_matching(peers, weights_in(state))

    def _checkpoint(
        self, stage: str, objective: Objective, epochs: int, rate: float
    ) -> Checkpoint | None:
        if self.run.checkpoint is None:
            return None
        settings = replace(self, data=None, inputs=None, run=None, architecture=None)  # type: ignore[arg-type]
        key = fingerprint(
            self.inputs,
            self.data.counts,
            self.data.labels,
            self.data.settled,
            self.rows,
            str(settings),
            str(objective),  # its layers
            self.run.method,
            self.run.seed,
            epochs,
            rate,
            EDITION,
        )
        return Checkpoint(self.run.checkpoint / f"{stage}.pt", key)


def _check_passes(arguments: TrainingArguments, own: Architecture, augment: str) -> None:
    """Refuse to ask several times for one and the same answer.

    Raises:
        ConfigurationError: neither dropout nor augmentation would change it.
    """
    passes, dropout = arguments.get("passes", 0), arguments.get("mc_dropout", False)
    if dropout and not own.dropout:
        raise ConfigurationError(
            "mc_dropout = true: this network has no dropout; use network = 'mlp', or mc_dropout = "
            "false."
        )
    if passes > 1 and not dropout and (own.reads == "vectors" or augment == "none"):
        raise ConfigurationError(
            f"passes = {passes}: the network would say the same each time; set mc_dropout = true "
            f"(network 'mlp'), augment its images, or leave passes out."
        )


def half_cosine(progress: float) -> float:
    """Return the factor of the learning rate, from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * progress))
