"""The state of an unfinished training on disk."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

SAVE_EVERY_SECONDS = 20.0
"""An interrupted training loses at most this much work, plus one epoch."""

EDITION = 2
"""Changes whenever a training keeps other things than before: half of an older one is left."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a training stood. epochs: passes done; loss: of the last; finished: nothing is left."""

    epochs: int
    loss: float
    finished: bool


@dataclass
class Checkpoint:
    """One training's file; `key` names data and options, another key's file is not continued."""

    path: Path
    key: str
    _last: float = field(default_factory=time.monotonic)

    def load(self, objective: nn.Module, optimizer: Optimizer) -> Saved | None:
        """Continue into `objective` and `optimizer`; None = there is nothing to continue."""
        state = read_state(self.path)
        if state is None or state["key"] != self.key:
            return None
        objective.load_state_dict(state["objective"])
        optimizer.load_state_dict(state["optimizer"])
        return Saved(int(state["epochs"]), float(state["loss"]), bool(state["finished"]))

    def save(
        self,
        objective: nn.Module,
        optimizer: Optimizer,
        *,
        epochs: int,
        loss: float,
        finished: bool,
    ) -> None:
        """Write the state when it is due; a reader sees the old file or the new one, whole."""
        now = time.monotonic()
        if not finished and now - self._last < SAVE_EVERY_SECONDS:
            return
        self._last = now
        state = {
            "key": self.key,
            "epochs": epochs,
            "loss": loss,
            "finished": finished,
            "objective": objective.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.path)


def read_state(path: Path) -> Mapping[str, Any] | None:
    """Return the state in a checkpoint's file, or None without a readable one."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError):
        return None
    return state if isinstance(state, dict) and "objective" in state else None


def weights_in(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the networks' weights in a checkpoint, whatever the objective was."""
    marker = "network."
    return {
        name.split(marker, 1)[1]: value
        for name, value in state["objective"].items()
        if name.startswith((marker, f"objective.{marker}"))
    }


def fingerprint(*parts: object) -> str:
    """Return a digest of arrays, tensors and anything whose text says all about it."""
    digest = hashlib.sha256()
    for part in parts:
        array = part.cpu().numpy() if isinstance(part, torch.Tensor) else part
        if isinstance(array, np.ndarray):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        else:
            digest.update(str(array).encode() + b"\0")
    return digest.hexdigest()


def load_matching(module: nn.Module, weights: Mapping[str, torch.Tensor]) -> bool:
    """Copy `weights` into `module` if every name and shape fits; return whether they did."""
    own = module.state_dict()
    shapes = {name: value.shape for name, value in own.items()}
    if shapes != {name: value.shape for name, value in weights.items()}:
        return False
    module.load_state_dict(weights)
    return True
