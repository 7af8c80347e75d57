"""What a registered function says of itself: its first sentence, and its options with types."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args, get_type_hints

from relabel.errors import ConfigurationError

Parts = dict[str, dict[str, Any]]
"""Options of the selectors that another one runs, by selector."""

ABSENT = inspect.Parameter.empty
"""The default of an option that the function itself does not name."""


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword parameter: its type, as an annotation, and its default."""

    type: Any
    default: Any = ABSENT


@dataclass(frozen=True, slots=True)
class Entry:
    """A function of a registry. what: its first sentence. options: by name."""

    what: str
    options: Mapping[str, Option] = field(default_factory=dict)


def read_entry(function: Callable[..., Any], given: Collection[str] = ()) -> Entry:
    """Return what a function says of itself.

    Args:
        function: its keyword-only parameters are its options, and the keys of the `TypedDict` that
            its `**arguments` unpack.
        given: keyword parameters that the caller fills in, which are no options.

    Raises:
        ConfigurationError: it is no function, or an option has no type.
    """
    plain = function.func if isinstance(function, partial) else function
    if not inspect.isroutine(plain):
        raise ConfigurationError(f"{plain!r} is no function.")
    hints = get_type_hints(plain)
    options = {}
    for parameter in inspect.signature(plain).parameters.values():
        if parameter.name in given:
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.name not in hints:
                raise ConfigurationError(f"option '{parameter.name}' has no type.")
            options[parameter.name] = Option(hints[parameter.name], parameter.default)
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD and parameter.name in hints:
            unpacked = get_args(hints[parameter.name])
            shared = get_type_hints(unpacked[0]) if unpacked else {}
            options |= {name: Option(hint) for name, hint in shared.items()}
    own = {name: option for name, option in options.items() if name not in given}
    return Entry(first_sentence(plain), own)


def first_sentence(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(function) or "").split("\n\n", 1)[0].split())
