"""The names that a policy chooses from and their options, told without importing torch.

The selectors and encoders of `learning` are the truth; a test holds these tables against them.
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

ENSEMBLE = ("linear", "co_teaching")
CANDIDATES = ("linear", "co_teaching", "simifeat")
CROSS_FITTED, FALLBACK = "vanilla", "linear"
"""What `ensemble`, `auto` and `cross_fit` run unless they are told otherwise."""

Parts = dict[str, dict[str, Any]]
"""Options of the selectors that another one runs, by selector."""

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
    "ensemble": {"of": tuple[str, ...], "repeats": int, "options": Parts | None},
    "cross_fit": {"of": str, "folds": int, "options": Parts | None},
    "auto": {"candidates": tuple[str, ...], "fallback": str, "options": Parts | None},
}

COMPOSED = ("ensemble", "cross_fit", "auto")
"""Selectors that run other ones."""

PAIRS = ("co_teaching", "co_teaching_vog", "ssl_co_teaching")
"""Selectors that train two networks."""

OF_MEMBERS = ("bald",)
"""Scores that compare several networks, or several passes through one."""

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


WITHOUT_WEIGHTS = ("tiny",)
WEIGHTS_ADDRESS = "https://download.pytorch.org/models/"
"""Where torchvision finds its weights."""
ENCODER_WEIGHTS: dict[str, tuple[str, float]] = {
    "resnet18": ("resnet18-f37072fd.pth", 46.8),
    "resnet50": ("resnet50-11ad3fa6.pth", 102.5),
    "resnet101": ("resnet101-cd907fc2.pth", 178.8),
    "mobilenet_v2": ("mobilenet_v2-7ebf99e0.pth", 14.3),
    "mobilenet_v3_large": ("mobilenet_v3_large-5c1a4163.pth", 22.1),
    "convnext_tiny": ("convnext_tiny-983f1562.pth", 114.4),
    "vit_b_16": ("vit_b_16-c867db91.pth", 346.3),
}
"""File of the weights that an encoder fetches for itself, and its size in MB (10^6 bytes); all
other encoders but those without weights need a file of yours."""


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


def check_selector(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options of a selector, or of those that it runs, that are not known.

    Raises:
        ConfigurationError: names the key, the value and what is allowed.
    """
    check_options("Selector", name, options, SELECTOR_OPTIONS[name])
    if name not in COMPOSED:
        return
    single = [one for one in SELECTOR_OPTIONS if one not in COMPOSED]
    for part, its in (options.get("options") or {}).items():
        if part not in single:
            raise ConfigurationError(
                f"Option 'options' of selector '{name}' names '{told(part)}'; it may name one of "
                f"{', '.join(single)}.{meant(part, single)}"
            )
        check_options("Selector", part, its, SELECTOR_OPTIONS[part])


def check_score(score: str, selector: str, options: Mapping[str, Any]) -> None:
    """Refuse a score that compares several networks or passes where the selector has one.

    Raises:
        ConfigurationError: names both, and the selectors that have several.
    """
    if score in OF_MEMBERS and not has_members(selector, options):
        raise single_member(score, selector)


def single_member(score: str, selector: str) -> ConfigurationError:
    """Return the error of a score that compares members where the selector has one."""
    return ConfigurationError(
        f'score = "{score}" compares several networks, or several passes through one, and '
        f'selector = "{told(selector)}" has one only, so that every task would score the same: '
        f"choose {', '.join(PAIRS)} or ensemble, or give a network that has dropout or "
        "augmentation several passes."
    )


def has_members(selector: str, options: Mapping[str, Any]) -> bool:
    """Return whether a selector with these options asks several networks, or one several times."""
    parts = options.get("options") or {}
    if selector == "ensemble":
        return len(options.get("of", ENSEMBLE)) * int(options.get("repeats", 1)) > 1
    if selector in COMPOSED:
        several = [*options.get("candidates", CANDIDATES), options.get("fallback", FALLBACK)]
        run = [options.get("of", CROSS_FITTED)] if selector == "cross_fit" else several
        return all(has_members(one, parts.get(one, {})) for one in run)
    return selector in PAIRS or (selector != "o2u" and options.get("passes", 0) > 1)


def _fits(value: object, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_fits(v, arguments[0]) for v in value)
    if origin is dict:
        return isinstance(value, Mapping) and (
            arguments[1] is Any or all(_fits(v, arguments[1]) for v in value.values())
        )
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
