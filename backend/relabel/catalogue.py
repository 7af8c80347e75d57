"""The names that a policy chooses from and their options, told without importing torch.

The recipes and encoders of `learning` are the truth; a test holds these tables against them.
"""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from relabel.accounts import nearest
from relabel.errors import ConfigurationError
from relabel.files import told

Options = Mapping[str, Any]
"""Option to its type, as an annotation."""

SHOWN = 120
"""Characters of a value that a message repeats."""

TRAINING: Options = {
    "network": str | None,
    "epochs": int | None,
    "learning_rate": float | None,
    "batch_size": int | None,
    "augment": str | None,
    "balanced": bool,
    "patience": int,
    "passes": int,
    "mc_dropout": bool,
    "mixed_precision": bool,
}

CO_TEACHING: Options = {"forget_rate": float | None, "ramp_epochs": int, "warm_up": int}
PRETRAINING: Options = {"body": str, "pretrain_epochs": int, "pretrain_batch": int}

SELECTOR_OPTIONS: dict[str, Options] = {
    "linear": {"folds": int},
    "vanilla": {"smoothing": float, **TRAINING},
    "co_teaching": {**CO_TEACHING, **TRAINING},
    "co_teaching_vog": {**CO_TEACHING, "mix": float, "window": int, **TRAINING},
    "robust_update": {"delta": float, "bandwidth": str | None, **TRAINING},
    "elr": {"strength": float, "memory": float, **TRAINING},
    "dalc": {"dual": float, **TRAINING},
    "o2u": {"cycle": int, "skip": int, **TRAINING},
    "simifeat": {"neighbours": int, "prior": float},
    "ssl_linear": {**PRETRAINING, "smoothing": float, "logit_penalty": float, **TRAINING},
    "ssl_co_teaching": {**PRETRAINING, "forget_rate": float | None, "warm_up": int, **TRAINING},
    "ensemble": {"of": tuple[str, ...], "repeats": int},
    "cross_fit": {"of": str, "folds": int},
    "auto": {"candidates": tuple[str, ...], "fallback": str},
}

DIVERSITY_OPTIONS: dict[str, Options] = {
    "none": {},
    "diffusion": {
        "mode": str,
        "strength": float,
        "steps": int,
        "delta": float,
        "reach": int,
        "candidate_factor": int,
    },
    "k_centre": {},
    "quotas": {},
}

ENCODER_NAMES = (
    "tiny",
    "resnet18",
    "resnet50",
    "resnet101",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "convnext_tiny",
    "vit_b_16",
    "dinov2_vits14",
    "cifar_resnet20",
)


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: which one may have been meant, or ""."""
    alike = nearest(name, known)
    return f" Did you mean {alike!r}?" if alike else ""


def shown(value: object) -> str:
    """Return a value as it is written, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def check_options(what: str, name: str, options: Mapping[str, Any], known: Options) -> None:
    """Refuse options that are not known, or of another type.

    Args:
        what: "Selector" or "Diversity", for the message.
        name: which one.
        options: by name, as a policy gives them.
        known: its options with their types.

    Raises:
        ConfigurationError: names the key, the value and what is allowed.
    """
    for key, value in options.items():
        if key not in known:
            listed = ", ".join(known) or "none"
            raise ConfigurationError(
                f"{what} '{name}' has no option '{told(key)}'; its options: {listed}."
                f"{meant(key, known)}"
            )
        if not _fits(value, known[key]):
            wanted = known[key].__name__ if isinstance(known[key], type) else str(known[key])
            raise ConfigurationError(
                f"Option '{key}' of {what.lower()} '{name}' is {shown(value)}; it must be {wanted}."
            )


def _fits(value: object, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(v, arguments[0]) for v in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
