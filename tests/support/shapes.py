"""Docstrings that give shapes are held to them while tests run: "(N, K)" cannot lie.

`counts: (N, K) votes` of a parameter or field, and `Return (N,)` or a Returns section that begins
with a shape, are read from the docstring. In one call a letter stands for one number. Nothing of
this is part of the package: outside of tests it costs nothing.
"""

import functools
import importlib
import inspect
import itertools
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from types import FunctionType, ModuleType
from typing import Any

SHAPE = r"\((?:[A-Z]|\d+)(?:, ?(?:[A-Z]|\d+))*,?\)"
SHAPES = rf"{SHAPE}(?:(?:, | or ){SHAPE})*"
NAMED = re.compile(rf"\b(\w+): ({SHAPES})")
RETURNED = re.compile(rf"\A(?:Return|Yield) ({SHAPES})|\bReturns:\n\s+({SHAPES})")
RESULT = "what it returns"

Shape = tuple[str, ...]


def told(docstring: str) -> dict[str, list[Shape]]:
    """Return the shapes that a docstring gives, each with its alternatives, by name."""
    found = {name: shapes_in(text) for name, text in NAMED.findall(docstring)}
    result = RETURNED.search(docstring)
    return found | ({RESULT: shapes_in(result[1] or result[2])} if result else {})


def shapes_in(text: str) -> list[Shape]:
    return [tuple(re.findall(r"[A-Z]|\d+", one)) for one in re.findall(SHAPE, text)]


def lies(said: Mapping[str, list[Shape]], values: Mapping[str, Any]) -> str:
    """Return which arrays have another shape than is said, "" = none."""
    shaped = {name: values[name].shape for name in said if hasattr(values.get(name), "shape")}
    for chosen in itertools.product(*(said[name] for name in shaped)):
        if fits(zip(chosen, shaped.values(), strict=True)):
            return ""
    found = ", ".join(f"{name} {shape}" for name, shape in shaped.items())
    return f"found {found}; its docstring says { {name: said[name] for name in shaped} }"


def fits(pairs: Iterator[tuple[Shape, tuple[int, ...]]]) -> bool:
    sizes: dict[str, int] = {}
    for letters, shape in pairs:
        if len(letters) != len(shape):
            return False
        for letter, size in zip(letters, shape, strict=True):
            wanted = int(letter) if letter.isdigit() else sizes.setdefault(letter, size)
            if wanted != size:
                return False
    return True


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, held to the shapes of its docstring."""
    said = told(inspect.getdoc(function) or "")
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        values = {**signature.bind(*args, **options).arguments, RESULT: result}
        wrong = lies(said, values)
        assert not wrong, f"{function.__module__}.{function.__qualname__}: {wrong}"
        return result

    return call


def checked_class(kind: type) -> None:
    """Hold every new value of a dataclass to the shapes of its docstring."""
    said, begin = told(inspect.getdoc(kind) or ""), kind.__init__

    @functools.wraps(begin)
    def init(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        wrong = lies(said, {name: getattr(self, name, None) for name in said})
        assert not wrong, f"{kind.__module__}.{kind.__qualname__}: {wrong}"

    init.is_checked = True  # type: ignore[attr-defined]
    kind.__init__ = init  # type: ignore[misc]


def check_shapes(*names: str) -> None:
    """Check every public function and dataclass of these modules and below from now on."""
    for module in itertools.chain.from_iterable(map(_modules, names)):
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", "") != module.__name__ or name.startswith("_"):
                continue
            if isinstance(value, FunctionType) and told(inspect.getdoc(value) or ""):
                if not hasattr(value, "__wrapped__"):
                    _replace(value, checked(value))
            elif is_dataclass(value) and not hasattr(value.__init__, "is_checked"):
                checked_class(value)


def _modules(name: str) -> Iterator[ModuleType]:
    module = importlib.import_module(name)
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        yield from _modules(found.name)


def _replace(old: FunctionType, new: Callable[..., Any]) -> None:
    """Put the new function wherever a module or a registry of ours holds the old one."""
    for module in [m for n, m in sys.modules.items() if n.split(".")[0] == "relabel"]:
        for name, value in list(vars(module).items()):
            if value is old:
                setattr(module, name, new)
            elif isinstance(value, dict) and not name.startswith("__"):
                for key in [key for key, one in value.items() if one is old]:
                    value[key] = new
