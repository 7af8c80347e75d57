"""Selectors, scores and encoders that other installed packages add by their entry points.

A package is asked for its names alone, from its metadata; its code is imported when a name of it is
chosen, since a selector's brings torch along.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from relabel.errors import ConfigurationError

Function = TypeVar("Function", bound=Callable[..., Any])

GROUPS = {
    "selector": "relabel.selectors",
    "score": "relabel.scores",
    "encoder": "relabel.encoders",
}
"""Kind of plug-in to the group of entry points that names them."""

OURS = "label-studio-relabel"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A name that a package adds, with what its metadata says of it."""

    kind: str
    name: str
    point: EntryPoint

    @property
    def source(self) -> str:
        """The package and its version."""
        found = self.point.dist
        return f"{found.name} {found.version}" if found else self.point.value

    def load(self) -> Callable[..., Any]:
        """Import and return the function.

        Raises:
            ConfigurationError: it cannot be had; names the package and why.
        """
        try:
            found: Callable[..., Any] = self.point.load()
        except Exception as error:  # whatever a foreign module raises
            raise self.broken(f"{type(error).__name__}: {error}") from error
        if not callable(found):
            raise self.broken(f"{self.point.value} is no function")
        return found

    def broken(self, why: str) -> ConfigurationError:
        """Return the error of a plug-in that cannot be used."""
        return ConfigurationError(
            f"The {self.kind} '{self.name}' of {self.source} cannot be used ({why}): update that "
            f"package or uninstall it, or choose another {self.kind}."
        )


@cache
def _points() -> Any:
    """Return the entry points of all packages: a hundredth of a second for a hundred of them."""
    return entry_points()


@cache
def plugins(kind: str) -> tuple[Plugin, ...]:
    """Return what installed packages add, by name; a name may stand there twice."""
    found = [Plugin(kind, point.name, point) for point in _points().select(group=GROUPS[kind])]
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.source)))


def names(kind: str, own: Collection[str]) -> list[str]:
    """Return every name that can be chosen: our own ones, then those of plug-ins."""
    return list(dict.fromkeys([*own, *(plugin.name for plugin in plugins(kind))]))


def plugin_of(kind: str, name: str, own: Collection[str]) -> Plugin | None:
    """Return the plug-in that adds `name`, None = it is one of our own.

    Raises:
        ConfigurationError: several packages add it, or nobody does.
    """
    adding = [plugin for plugin in plugins(kind) if plugin.name == name]
    sources = [*([OURS] if name in own else []), *(plugin.source for plugin in adding)]
    if len(sources) > 1:
        raise ConfigurationError(
            f"The {kind} '{name}' is added by {' and by '.join(sources)}: uninstall one of them."
        )
    if not sources:
        raise ConfigurationError(f"Unknown {kind} '{name}'; known: {', '.join(names(kind, own))}.")
    return adding[0] if adding else None


def find(kind: str, name: str, own: Mapping[str, Function]) -> Function:
    """Return the function that is registered as `name`.

    Args:
        kind: a key of `GROUPS`.
        name: what a policy says.
        own: the registry of our own functions.

    Raises:
        ConfigurationError: there is none, several packages add it, or it cannot be imported.
    """
    plugin = plugin_of(kind, name, own)
    if plugin is None:
        return own[name]
    loaded: Any = plugin.load()
    function: Function = loaded
    return function
