"""Every text with which the package refuses something, read from its source.

A text is what an error or a finding of the doctor is made with, and whatever flows into it: local
names, constants, arguments, and what functions return that are called for it. What is only known
when the program runs is a hole.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOLE = "…"
ENOUGH = 12
"""Characters that tell one message from others."""
OF_CONTAINERS = {"get", "items", "keys", "values"}
PARTS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.BinOp: ("left", "right"),
    ast.BoolOp: ("values",),
    ast.Dict: ("keys", "values"),
    ast.DictComp: ("key", "value"),
    ast.FormattedValue: ("value",),
    ast.GeneratorExp: ("elt",),
    ast.IfExp: ("body", "orelse"),
    ast.JoinedStr: ("values",),
    ast.Lambda: ("body",),
    ast.List: ("elts",),
    ast.ListComp: ("elt",),
    ast.NamedExpr: ("value",),
    ast.Set: ("elts",),
    ast.SetComp: ("elt",),
    ast.Starred: ("value",),
    ast.Subscript: ("value",),
    ast.Tuple: ("elts",),
}
"""Of each kind of expression the fields whose text becomes part of its own."""
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Message:
    """A text with holes, where it is written, and the name of what it is said with."""

    text: str
    where: str
    kind: str


@dataclass(frozen=True)
class Scope:
    """A module, and the functions around a place in it, the innermost last."""

    module: str
    functions: tuple[Function, ...] = ()


def letters(text: str) -> int:
    return sum(character.isalpha() for character in text)


def text_of(node: ast.AST) -> str | None:
    """Return a literal text with holes; None where the node is none."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(text_of(v) or HOLE for v in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            halves = text_of(left), text_of(right)
            return None if halves == (None, None) else "".join(half or HOLE for half in halves)
    return None


class Source:
    """The modules of a package, with what their names stand for."""

    def __init__(self, package: Path) -> None:
        self.trees: dict[str, ast.Module] = {}
        self.files: dict[str, str] = {}
        self.calls: dict[str, list[tuple[Scope, ast.Call]]] = defaultdict(list)
        for path in sorted(package.rglob("*.py")):
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            name = name.removesuffix(".__init__")
            self.trees[name] = ast.parse(path.read_text())
            self.files[name] = str(path.relative_to(package))
        for module in self.trees:
            for scope, call in self._calls(self.trees[module], Scope(module)):
                self.calls[_name(call.func)].append((scope, call))

    def literals(self) -> Iterator[str]:
        """Yield every text of the package, sentences and others."""
        for tree in self.trees.values():
            yield from (text for node in ast.walk(tree) if (text := text_of(node)))

    def messages(self, kinds: set[str]) -> Iterator[Message]:
        """Yield what is said with calls of these names."""
        for kind in sorted(kinds):
            for scope, call in self.calls[kind]:
                where = f"{self.files[scope.module]}:{call.lineno}"
                said = {keyword.arg: keyword.value for keyword in call.keywords}
                if _is_true(said.get("ok")):
                    continue
                values = [said["text"]] if "text" in said else [*call.args, *said.values()]
                seen: set[object] = set()
                direct = {text for value in values if (text := text_of(value))}
                flowing = (t for value in values for t in self.texts(value, scope, seen))
                for text in dict.fromkeys(flowing):
                    if text in direct or _is_sentence(text):
                        yield Message(text, where, kind)

    def texts(self, node: ast.AST, scope: Scope, seen: set[object]) -> Iterator[str]:
        """Yield the literal texts that flow into an expression."""
        text = text_of(node)
        if text is not None:
            yield text
        parts = _parts(node) if text is None else _holes(node)
        for part in parts:
            yield from self.texts(part, scope, seen)
        if isinstance(node, ast.Name):
            yield from self._named(node.id, scope, seen)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from self._named(node.func.id, scope, seen)

    def _named(self, name: str, scope: Scope, seen: set[object]) -> Iterator[str]:
        if (scope, name) in seen:
            return
        seen.add((scope, name))
        for depth in range(len(scope.functions), 0, -1):
            around = Scope(scope.module, scope.functions[:depth])
            bound = list(self._bound(name, around))
            if bound:
                for where, value in bound:
                    yield from self.texts(value, where, seen)
                return
        for node in self.trees[scope.module].body:
            yield from self._global(node, name, scope.module, seen)

    def _bound(self, name: str, scope: Scope) -> Iterator[tuple[Scope, ast.AST]]:
        """Yield what a name of the innermost function stands for."""
        function = scope.functions[-1]
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=targets, value=value) if _binds(targets, name):
                    yield scope, value
                case (
                    ast.AnnAssign(target=target, value=ast.AST() as value)
                    | ast.NamedExpr(target=target, value=value)
                    | ast.AugAssign(target=target, value=value)
                ) if _binds([target], name):
                    yield scope, value
                case (
                    ast.For(target=target, iter=value)
                    | ast.comprehension(target=target, iter=value)
                ) if _binds([target], name):
                    yield scope, value
                case ast.FunctionDef() if node is not function and node.name == name:
                    yield from self._returned(node, scope)
        places = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if isinstance(function, ast.FunctionDef):
            here = [call for call in self.calls[function.name] if call[0].module == scope.module]
            for where, call in here:
                if name in places and places.index(name) < len(call.args):
                    yield where, call.args[places.index(name)]
                yield from ((where, k.value) for k in call.keywords if k.arg == name)

    def _global(self, node: ast.AST, name: str, module: str, seen: set[object]) -> Iterator[str]:
        """Yield the texts of a name of a module, there or where it is imported from."""
        match node:
            case ast.Assign(targets=targets, value=value) if _binds(targets, name):
                yield from self.texts(value, Scope(module), seen)
            case ast.AnnAssign(target=target, value=ast.AST() as value) if _binds([target], name):
                yield from self.texts(value, Scope(module), seen)
            case ast.FunctionDef() if node.name == name:
                for scope, value in self._returned(node, Scope(module)):
                    yield from self.texts(value, scope, seen)
            case ast.ImportFrom(module=str(other), names=names) if other in self.trees:
                for alias in names:
                    if (alias.asname or alias.name) == name:
                        yield from self._named(alias.name, Scope(other), seen)

    def _returned(self, function: ast.FunctionDef, scope: Scope) -> Iterator[tuple[Scope, ast.AST]]:
        inside = Scope(scope.module, (*scope.functions, function))
        for node in ast.walk(function):
            if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
                yield inside, node.value

    def _calls(self, node: ast.AST, scope: Scope) -> Iterator[tuple[Scope, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield scope, child
            if isinstance(child, Function):
                yield from self._calls(child, Scope(scope.module, (*scope.functions, child)))
            else:
                yield from self._calls(child, scope)


def _parts(node: ast.AST) -> list[ast.AST]:
    """Return the parts of an expression whose text becomes part of its own."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args):
            return [value] if attr in OF_CONTAINERS else list(args) if attr == "join" else []
    found = [getattr(node, field) for field in PARTS.get(type(node), ())]
    return [part for value in found for part in (value if isinstance(value, list) else [value])]


def _holes(node: ast.AST) -> list[ast.AST]:
    """Return what differs from case to case in a literal text."""
    parts = ((part, text_of(part) is None) for part in _parts(node))
    return [hole for part, open_ in parts for hole in ([part] if open_ else _holes(part))]


def _binds(targets: list[ast.expr], name: str) -> bool:
    names = (n for target in targets for n in ast.walk(target))
    return any(isinstance(n, ast.Name) and n.id == name for n in names)


def _name(function: ast.AST) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _is_sentence(text: str) -> bool:
    """Whether it says something: no name, command or pattern that flows into a message."""
    is_command = text.removeprefix("run: ").startswith("relabel ")
    is_pattern = "|" in text or "\\" in text
    return letters(text) >= ENOUGH and " " in text.strip() and not (is_command or is_pattern)


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
