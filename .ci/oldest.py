"""Print constraints under which pip installs the oldest allowed version of each package.

python .ci/oldest.py > constraints.txt && pip install --constraint constraints.txt ".[test]"
"""  # noqa: INP001  a script, no package

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
BOUND = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)")
COMPANIONS = (
    *("werkzeug<2.1", "jinja2<3.1", "markupsafe<2.1", "itsdangerous<2"),
    *("click<8.2", "pyparsing<3.2", "tenacity<9.1"),
)
"""What Flask, Typer, Matplotlib and stamina ran with; they ask for it without upper bounds."""
TOOLS = ("bandit", "mypy", "ruff")
"""They judge the code and take no part in its tests: their newest versions are the ones in use."""


def constraints(text: str) -> list[str]:
    """Return one line per package of a pyproject.toml that has a lower bound."""
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
    bounds = [match for one in asked if (match := BOUND.fullmatch(one.replace(" ", "")))]
    return [f"{m[1]}=={m[2]}" for m in bounds if m[1] not in TOOLS] + list(COMPANIONS)


if __name__ == "__main__":
    sys.stdout.write("\n".join(constraints(PYPROJECT.read_text())) + "\n")
