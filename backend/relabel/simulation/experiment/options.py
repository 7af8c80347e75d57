"""Options of selectors as a command line gives them, and whose each of them is."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from relabel.catalogue.options import is_composed, meant, names_of, options_of, shown
from relabel.errors import ConfigurationError
from relabel.files import told
from relabel.learning.networks.registry import ARCHITECTURES
from relabel.simulation.campaign.rankings import Method, options_known

Options = Mapping[str, Any]
"""By name; under the name of a selector stand those that are meant for it alone."""


LARGEST = 512
"""Pixels per side, as the policy key `image_size` has it."""


def parse_options(lines: Sequence[str]) -> dict[str, Any]:
    """Read options as a policy writes its `selector_options`: name = value, in TOML.

    A value that is none of TOML's is text, so that names need no quotation marks. A dotted name
    leads to one selector (`co_teaching.epochs=40`), or into the options of one that runs others
    (`options.co_teaching.epochs=40`).

    Raises:
        ConfigurationError: a line is no option, or two contradict each other.
    """
    for line in lines:
        name, equals, _ = line.partition("=")
        if not (equals and name.strip()):
            raise ConfigurationError(
                f"--option {told(line)}: write name=value, such as epochs=40, or, for one of "
                f"several selectors, co_teaching.epochs=40."
            )
    try:
        return tomllib.loads("\n".join(map(_in_toml, lines)))
    except tomllib.TOMLDecodeError as error:
        listed = " ".join(f"--option {told(line)}" for line in lines)
        raise ConfigurationError(
            f"{listed}: {error}; write name=value, such as epochs=40, each name once."
        ) from error


def _in_toml(line: str) -> str:
    name, _, value = line.partition("=")
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return f"{name} = {json.dumps(value.strip(), ensure_ascii=False)}"
    return line


def give_options(methods: Sequence[Method], given: Options) -> tuple[Method, ...]:
    """Return the methods with their options: those under a selector's name, and what it knows.

    Raises:
        ConfigurationError: an option is nobody's, or its value is of another type.
    """
    selectors = {method.selector: options_known(method.selector) for method in methods}
    own = {name: given[name] for name in selectors if isinstance(given.get(name), Mapping)}
    shared = {name: value for name, value in given.items() if name not in own}
    for name, value in shared.items():
        if not any(name in known for known in selectors.values()):
            raise _nobodys(name, value, selectors)
    return tuple(
        replace(
            method,
            options={
                **method.options,
                **{k: v for k, v in shared.items() if k in selectors[method.selector]},
                **own.get(method.selector, {}),
            },
        )
        for method in methods
    )


def _nobodys(
    name: str, value: object, selectors: Mapping[str, Mapping[str, Any]]
) -> ConfigurationError:
    if isinstance(value, Mapping) and value:
        name, value = f"{name}.{next(iter(value))}", next(iter(value.values()))
    listed = "; ".join(
        f"{one} has {', '.join(known) or 'none'}" for one, known in selectors.items()
    )
    every = [option for known in selectors.values() for option in known]
    return ConfigurationError(
        f"--option {told(name)} = {shown(value)}: it is an option of no selector that is compared; "
        f"{listed}.{meant(name, every)}"
    )


def check_encoder(name: str | None) -> None:
    """Refuse an encoder that there is not; None = none is named.

    Raises:
        ConfigurationError: naming those that there are.
    """
    known = names_of("encoder")
    if name is not None and name not in known:
        raise ConfigurationError(
            f"encoder={name!r} is unknown; known: {', '.join(known)}.{meant(name, known)}"
        )


def check_image_size(side: int, methods: Sequence[Method]) -> None:
    """Refuse a size that cannot be, or that no method has a use for; 0 = none is asked for.

    Raises:
        ConfigurationError: names the selectors, and what makes one read pixels.
    """
    if not 0 <= side <= LARGEST:
        raise ConfigurationError(f"image_size={side} must lie between 0 and {LARGEST} pixels.")
    if side and not any(map(reads_pixels, methods)):
        learners = ", ".join(dict.fromkeys(method.learner for method in methods))
        images = ", ".join(name for name, one in ARCHITECTURES.items() if one.reads == "images")
        raise ConfigurationError(
            f"image_size={side}: none of the selectors compared ({learners}) reads pixels; leave "
            f"it out, or name a network that does: --option network=NAME, one of {images}."
        )


def reads_pixels(method: Method) -> bool:
    """Return whether a method's selector, or one that it runs, learns from pixels."""
    return _reads_pixels(method.selector, method.options)


def _reads_pixels(selector: str, options: Options) -> bool:
    if is_composed(selector):
        known, parts = options_of("selector", selector), options.get("options") or {}
        run: list[str] = []
        for key in ("of", "candidates", "fallback"):
            value = options.get(key, known[key].default if key in known else ())
            run += [value] if isinstance(value, str) else value
        return any(_reads_pixels(one, parts.get(one, {})) for one in run)
    network = options.get("network")
    # One that is unknown is refused where it would be trained.
    by_name = network is not None and (
        network not in ARCHITECTURES or ARCHITECTURES[network].reads == "images"
    )
    return by_name or "body" in options_known(selector)
