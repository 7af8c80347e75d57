"""Write what the examples of the documentation print, from running them.

A block of Python that is directly followed by a block of text shows what it prints. The blocks of
Python of its section and of the section before are run with it, in order. `make docs-outputs` runs
this after changing an example, or what it calls; a test compares.
"""  # noqa: INP001  a script, no package

import contextlib
import io
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
SHOWN = re.compile(PYTHON.pattern + r"\n```text\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Rewrite the outputs of every page; say which files changed."""
    for path in pages():
        before = path.read_text()
        after = with_outputs(before)
        if after != before:
            path.write_text(after)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


def pages() -> list[Path]:
    """Return the pages that have an example with its output."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [path for path in found if SHOWN.search(path.read_text())]


def with_outputs(text: str) -> str:
    """Return the page with each output as its example prints it now."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    for number, section in enumerate(sections):
        before = "".join(PYTHON.findall(sections[number - 1])) if number else ""
        sections[number] = _section(before, section)
    return "".join(sections)


def _section(before: str, section: str) -> str:
    for shown in SHOWN.finditer(section):
        earlier = "".join(PYTHON.findall(section[: shown.start()]))
        printed = run(before + earlier + shown[1])
        section = section.replace(shown[0], f"```python\n{shown[1]}```\n\n```text\n{printed}```\n")
    return section


def run(code: str) -> str:
    """Return what a program prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "<example>", "exec"), {})  # noqa: S102  the documentation's own words
    return said.getvalue()


if __name__ == "__main__":
    main()
