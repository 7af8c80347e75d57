"""Write docs/api.md from the docstrings, without importing anything.

Run `.venv/bin/python docs/make_api.py` after adding or renaming something public.
"""  # noqa: INP001  a script, no package

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "backend" / "relabel"
TARGET = ROOT / "docs" / "api.md"
HEAD = """# API

What Python code may use, by module, as the docstrings say. Written by `docs/make_api.py`.
The letters: N tasks, K classes, D dimensions of an embedding, T passes, M networks.
"""
LEFT_OUT = ("migrations", "cli", "web", "demo")
"""Schema steps, and entries that are used from outside Python."""

Definition = ast.FunctionDef | ast.ClassDef


def main() -> None:
    """Write the page."""
    TARGET.write_text(page())


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for path in modules():
        parts += _module(path)
    return "\n".join(parts).rstrip() + "\n"


def modules() -> list[Path]:
    """Return the files that hold something public, by name."""
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.stem.startswith("_")
        and not set(LEFT_OUT) & set(path.relative_to(PACKAGE).parts)
        and any(public(_tree(path)))
    ]


def module_name(path: Path) -> str:
    """Return a file's import name."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def public(tree: ast.Module) -> Iterator[Definition]:
    """Yield the functions and classes of a module whose names do not begin with an underscore."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _module(path: Path) -> list[str]:
    tree = _tree(path)
    lines = [f"## {module_name(path)}\n"]
    documentation = ast.get_docstring(tree)
    if documentation:
        lines.append(f"{_text(documentation)}\n")
    for node in public(tree):
        lines += _definition(node)
    return lines


def _definition(node: Definition) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return _entry("###", node.name, _signature(node), ast.get_docstring(node))
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    head = f"class {node.name}({bases})" if bases else f"class {node.name}"
    lines = _entry("###", node.name, head, ast.get_docstring(node))
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            name = f"{node.name}.{method.name}"
            lines += _entry("####", name, _signature(method), ast.get_docstring(method))
    return lines


def _entry(level: str, name: str, code: str, documentation: str | None) -> list[str]:
    lines = [f"{level} {name}\n", f"```python\n{code}\n```\n"]
    if documentation:
        lines.append(f"{_text(documentation)}\n")
    return lines


def _signature(node: ast.FunctionDef) -> str:
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    one_line = f"{node.name}({ast.unparse(node.args)}){result}"
    if len(one_line) <= 100:
        return one_line
    arguments = "".join(f"    {argument},\n" for argument in _arguments(node.args))
    return f"{node.name}(\n{arguments}){result}"


def _arguments(arguments: ast.arguments) -> list[str]:
    """Return each parameter as it is written, with the star that begins the keyword-only ones."""
    positional = [*arguments.posonlyargs, *arguments.args]
    plain = len(positional) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * plain, *arguments.defaults]
    found = [_argument(a, d) for a, d in zip(positional, defaults, strict=True)]
    if arguments.vararg:
        found.append(f"*{_argument(arguments.vararg, None)}")
    elif arguments.kwonlyargs:
        found.append("*")
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    found += [_argument(a, d) for a, d in keywords]
    if arguments.kwarg:
        found.append(f"**{_argument(arguments.kwarg, None)}")
    return found


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    text = ast.unparse(argument)
    return text if default is None else f"{text} = {ast.unparse(default)}"


def _text(documentation: str) -> str:
    """Return a docstring as Markdown: sections such as Args become indented blocks."""
    lines = []
    for line in inspect.cleandoc(documentation).split("\n"):
        if line in ("Args:", "Returns:", "Raises:", "Yields:"):
            lines.append(f"**{line[:-1]}**\n")
        elif line.startswith("    "):
            inner = line[4:]
            lines.append(f"  {inner.strip()}" if inner.startswith(" ") else f"- {inner}")
        else:
            lines.append(line)
    # Tags and keyword parameters would be taken for HTML and emphasis.
    return "\n".join(lines).replace("<", "&lt;").replace("**run", r"\*\*run")


if __name__ == "__main__":
    main()
