"""Every selector by name."""

import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, Union, Unpack, get_args, get_origin, get_type_hints

from relabel.errors import ConfigurationError
from relabel.learning.recipes.linear import linear
from relabel.learning.selection import RunArguments, Selection, Selector, TrainingData

SELECTORS: dict[str, Selector] = {
    "linear": linear,
}


def options_of(name: str) -> dict[str, inspect.Parameter]:
    """Return the options of a selector: its recipe's keyword parameters with their defaults.

    Raises:
        ConfigurationError: there is no such selector.
    """
    if name not in SELECTORS:
        raise ConfigurationError(f"Unknown selector '{name}'; known: {', '.join(SELECTORS)}.")
    parameters = inspect.signature(SELECTORS[name]).parameters.values()
    return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that the selector does not have, or of another type.

    Raises:
        ConfigurationError: names the key and what is allowed.
    """
    known = options_of(name)
    hints = get_type_hints(SELECTORS[name])
    for key, value in options.items():
        if key not in known:
            listed = ", ".join(known) or "none"
            raise ConfigurationError(
                f"Selector '{name}' has no option '{key}'; its options: {listed}."
            )
        if not _fits(value, hints[key]):
            wanted = getattr(hints[key], "__name__", str(hints[key]))
            raise ConfigurationError(
                f"Option '{key}' of selector '{name}' is {value!r}; it must be {wanted}."
            )


def select(
    name: str, data: TrainingData, options: Mapping[str, Any], **run: Unpack[RunArguments]
) -> Selection:
    """Run the selector `name` with `options` on `data`.

    Args:
        name: one of `SELECTORS`.
        data: votes with embeddings or images, as the selector needs.
        options: keyword parameters of its recipe.
        **run: seed, and if wanted device, progress, checkpoint and warm_start; see `Run`.

    Raises:
        ConfigurationError: unknown selector or option, or data that the selector cannot use.
        NotReadyError: too few labelled tasks.
    """
    check_options(name, options)
    start = time.monotonic()
    selection = SELECTORS[name](data, **options, **run)
    seconds = round(time.monotonic() - start, 3)
    return replace(selection, record={"selector": name, **selection.record, "seconds": seconds})


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
