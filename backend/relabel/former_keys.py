"""Policy keys of earlier versions: read under their names of today, and people are told."""

from collections.abc import Mapping
from typing import Any

from relabel.errors import ConfigurationError


def carried_over(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of one place, those of earlier versions under their names of today.

    Raises:
        ConfigurationError: a key stands there under both names.

    """
    carried = dict(keys)
    if "stop_yield" not in carried:
        return carried
    if "stop_when" in carried:
        raise ConfigurationError(
            f"Policy key stop_yield = {carried['stop_yield']!r}: stop_when stands beside it and "
            f"says the same; take stop_yield out."
        )
    share = carried.pop("stop_yield")
    return carried | {"stop_when": {"yield": share} if share else {}}


def renamed(keys: Mapping[str, Any]) -> list[str]:
    """Return, for each key of an earlier version, what to write instead."""
    if "stop_yield" not in keys:
        return []
    share = keys["stop_yield"]
    now = f"write stop_when = {{ yield = {share} }} instead" if share else "take it out"
    return [f"stop_yield = {share!r} is called stop_when now: {now}"]
