"""Every selector by name."""

import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack, get_args, get_type_hints

from relabel.catalogue import check_selector
from relabel.errors import ConfigurationError
from relabel.learning.data import RunArguments, Selection, Selector, TrainingData
from relabel.learning.selectors.auto import auto
from relabel.learning.selectors.cross_fit import cross_fit
from relabel.learning.selectors.ensemble import ensemble
from relabel.learning.selectors.single import SINGLE

SELECTORS: dict[str, Selector] = {
    **SINGLE,
    "ensemble": ensemble,
    "cross_fit": cross_fit,
    "auto": auto,
}


def options_of(name: str) -> dict[str, Any]:
    """Return the options of a selector with their types: its keyword parameters.

    Raises:
        ConfigurationError: there is no such selector.
    """
    if name not in SELECTORS:
        raise ConfigurationError(f"Unknown selector '{name}'; known: {', '.join(SELECTORS)}.")
    selector = SELECTORS[name]
    hints = get_type_hints(selector)
    options = {}
    for parameter in inspect.signature(selector).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            options[parameter.name] = hints[parameter.name]
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            shared = get_type_hints(get_args(hints[parameter.name])[0])
            options |= {key: hint for key, hint in shared.items() if key not in RUN}
    return options


RUN = frozenset(RunArguments.__annotations__)


def select(
    name: str, data: TrainingData, options: Mapping[str, Any], **run: Unpack[RunArguments]
) -> Selection:
    """Run the selector `name` with `options` on `data`.

    Args:
        name: one of `SELECTORS`.
        data: votes with embeddings or images, as the selector needs.
        options: its own keyword parameters.
        **run: seed, and if wanted device, progress, checkpoint and warm_start; see `Run`.

    Raises:
        ConfigurationError: unknown selector or option, or data that the selector cannot use.
        NotReadyError: too few labelled tasks.
    """
    if name not in SELECTORS:
        raise ConfigurationError(f"Unknown selector '{name}'; known: {', '.join(SELECTORS)}.")
    check_selector(name, options)
    start = time.monotonic()
    run["method"] = f"{name} {sorted(options.items())}"
    selection = SELECTORS[name](data, **options, **run)
    seconds = round(time.monotonic() - start, 3)
    return replace(selection, record={"selector": name, **selection.record, "seconds": seconds})
