"""The names that a policy chooses from, and whether its options are right, told without torch.

What our own functions say of themselves stands in `built_in`, which is written from them; what a
plug-in says is read off its function when it is chosen.
"""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from relabel.accounts import nearest
from relabel.catalogue import built_in
from relabel.catalogue.plugins import names, plugin_of
from relabel.catalogue.signatures import Entry, Option, Parts, read_entry
from relabel.errors import ConfigurationError
from relabel.files import told

SHOWN = 120
"""Characters of a value that a message repeats."""

OWN: dict[str, Mapping[str, Entry]] = {
    "selector": built_in.SELECTORS,
    "score": built_in.SCORES,
    "diversity": built_in.DIVERSITY,
    "encoder": built_in.ENCODERS,
}
"""Policy keys whose value is a name, and our own functions of that kind."""


def names_of(kind: str) -> list[str]:
    """Return every name that a policy key may have, those of plug-ins last."""
    return [*OWN[kind]] if kind == "diversity" else names(kind, OWN[kind])


def options_of(kind: str, name: str) -> Mapping[str, Option]:
    """Return the options of what is registered as `name`; a plug-in is imported for it.

    Raises:
        ConfigurationError: nobody adds it, several do, or it cannot be imported.
    """
    plugin = None if kind == "diversity" else plugin_of(kind, name, OWN[kind])
    if plugin is None:
        return OWN[kind][name].options
    function = plugin.load()
    try:
        return read_entry(function, GIVEN.get(kind, ())).options
    except ConfigurationError as error:
        raise plugin.broken(str(error)) from error
    except (NameError, TypeError, ValueError) as error:
        raise plugin.broken(f"its signature cannot be read: {error}") from error


GIVEN = {"selector": built_in.RUN, "score": ("labels", "rng")}
"""Keyword parameters that the caller fills in."""


def is_composed(selector: str) -> bool:
    """Return whether one of our selectors runs other ones."""
    entry = built_in.SELECTORS.get(selector)
    return entry is not None and "options" in entry.options


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: which one may have been meant, or ""."""
    alike = nearest(name, known)
    return f" Did you mean {alike!r}?" if alike else ""


def shown(value: object) -> str:
    """Return a value as it is written, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def check_options(
    what: str, name: str, options: Mapping[str, Any], known: Mapping[str, Option]
) -> None:
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
        kind = known[key].type
        if not _fits(value, kind):
            wanted = kind.__name__ if isinstance(kind, type) else str(kind)
            raise ConfigurationError(
                f"Option '{key}' of {what.lower()} '{name}' is {shown(value)}; it must be {wanted}."
            )


def check_selector(name: str, options: Mapping[str, Any]) -> None:
    """Refuse options of a selector, or of those that it runs, that are not known.

    Raises:
        ConfigurationError: names the key, the value and what is allowed.
    """
    check_options("Selector", name, options, options_of("selector", name))
    if not is_composed(name):
        return
    single = [one for one in names_of("selector") if not is_composed(one)]
    for part, its in (options.get("options") or {}).items():
        if part not in single:
            raise ConfigurationError(
                f"Option 'options' of selector '{name}' names '{told(part)}'; it may name one of "
                f"{', '.join(single)}.{meant(part, single)}"
            )
        check_options("Selector", part, its, options_of("selector", part))


def check_score(score: str, selector: str, options: Mapping[str, Any]) -> None:
    """Refuse a score that compares several networks or passes where the selector has one.

    Raises:
        ConfigurationError: names both, and the selectors that have several.
    """
    if score in built_in.OF_MEMBERS and not has_members(selector, options):
        raise single_member(score, selector)


OUT_OF_FOLD = ("linear", "cross_fit")
"""Selectors whose posteriors may count as evidence beside votes."""


def check_evidence(consensus: str, score: str, selector: str, diversity: str) -> None:
    """Refuse a model as a witness that has seen what it is to testify to.

    Raises:
        ConfigurationError: names the keys and what to use instead.
    """
    reasons = {"consensus": (consensus, "posterior"), "score": (score, built_in.GAIN)}
    asked = [f'{key} = "{value}"' for key, (value, weighs) in reasons.items() if value == weighs]
    if asked and selector not in OUT_OF_FOLD:
        raise ConfigurationError(
            f"{' and '.join(asked)}: the model's posterior counts as evidence beside votes, so it "
            "must come from a model that has seen neither the task's old label nor its votes, and "
            f'selector = "{told(selector)}" has: use selector = "linear", or "cross_fit" around '
            "another one."
        )
    if score == built_in.GAIN and diversity != "none":
        raise ConfigurationError(
            f'score = "{score}" asks one vote at a time where it gains most, and diversity = '
            f'"{told(diversity)}" asks task after task: use diversity = "none".'
        )


def single_member(score: str, selector: str) -> ConfigurationError:
    """Return the error of a score that compares members where the selector has one."""
    return ConfigurationError(
        f'score = "{score}" compares several networks, or several passes through one, and '
        f'selector = "{told(selector)}" has one only, so that every task would score the same: '
        f"choose {', '.join(built_in.PAIRS)} or ensemble, or give a network that has dropout or "
        "augmentation several passes."
    )


def has_members(selector: str, options: Mapping[str, Any]) -> bool:
    """Return whether a selector with these options asks several networks, or one several times.

    Of a plug-in nobody knows before it has run: it may.
    """
    entry = built_in.SELECTORS.get(selector)
    if entry is None:
        return True
    said = {name: option.default for name, option in entry.options.items()} | dict(options)
    if not is_composed(selector):
        several = selector != "o2u" and options.get("passes", 0) > 1
        return selector in built_in.PAIRS or several
    if selector == "ensemble":
        return len(said["of"]) * int(said["repeats"]) > 1
    parts: Parts = said["options"] or {}
    run = [said["of"]] if selector == "cross_fit" else [*said["candidates"], said["fallback"]]
    return all(has_members(one, parts.get(one, {})) for one in run)


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
