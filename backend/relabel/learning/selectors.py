"""Every selector by name."""

import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, Union, Unpack, get_args, get_origin, get_type_hints

from relabel.errors import ConfigurationError
from relabel.learning.recipes.automatic import auto
from relabel.learning.recipes.combined import cross_fit, ensemble
from relabel.learning.recipes.single import SINGLE
from relabel.learning.selection import RunArguments, Selection, Selector, TrainingData

SELECTORS: dict[str, Selector] = {
    **SINGLE,
    "ensemble": ensemble,
    "cross_fit": cross_fit,
    "auto": auto,
}


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a selector with their types: its recipe's keyword parameters.

    Raises:
        ConfigurationError: there is no such selector.
    """
    if name not in SELECTORS:
        raise ConfigurationError(f"Unknown selector '{name}'; known: {', '.join(SELECTORS)}.")
    recipe = SELECTORS[name]
    hints = get_type_hints(recipe)
    options = {}
    for parameter in inspect.signature(recipe).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            options[parameter.name] = hints[parameter.name]
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            shared = get_type_hints(get_args(hints[parameter.name])[0])
            options |= {key: hint for key, hint in shared.items() if key not in RUN}
    return options


RUN = frozenset(RunArguments.__annotations__)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options that the selector does not have, or of another type.

    Raises:
        ConfigurationError: names the key and what is allowed.
    """
    known = options_of(name)
    for key, value in options.items():
        if key not in known:
            listed = ", ".join(known) or "none"
            raise ConfigurationError(
                f"Selector '{name}' has no option '{key}'; its options: {listed}."
            )
        if not _fits(value, known[key]):
            wanted = known[key].__name__ if isinstance(known[key], type) else str(known[key])
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
