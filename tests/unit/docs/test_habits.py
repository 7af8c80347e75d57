"""What is checked for every change is checked the same way everywhere."""

import importlib.util
import re
import tomllib
from pathlib import Path

from relabel.demo.servers.label_studio import TEMPLATE

ROOT = Path(__file__).resolve().parents[3]
MAKEFILE = (ROOT / "Makefile").read_text()
PYPROJECT = (ROOT / "pyproject.toml").read_text()
WORKFLOW = (ROOT / ".github" / "workflows" / "check.yml").read_text()
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()


def oldest():
    spec = importlib.util.spec_from_file_location("oldest", ROOT / ".ci" / "oldest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.constraints


def first_words(commands):
    return {" ".join(command.split()[:2]) for command in commands}


def test_the_workflow_runs_targets_of_the_makefile():
    targets = re.findall(r"run: make ([a-z-]+)", WORKFLOW)
    assert {"check", "coverage", "docs", "test-oldest", "test-postgresql"} <= set(targets)
    assert set(targets) <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_label_studio_is_migrated_into_the_folder_where_its_starts_look():
    assert f"MIGRATED_LS := $(VENV_LS)/{TEMPLATE}\n" in MAKEFILE


def test_commit_hooks_run_the_tools_of_make_lint():
    lint = MAKEFILE.split("\nlint:")[1].split("\n\n")[0]
    hooks = re.findall(r"entry: \.venv/bin/(.+)", HOOKS)
    assert first_words(hooks) == first_words(re.findall(r"\$\(BIN\)/(.+)", lint))


def test_the_group_of_tests_is_what_the_extra_says():
    read = tomllib.loads(PYPROJECT)
    extra = [
        one for one in read["project"]["optional-dependencies"]["test"] if "relabel" not in one
    ]
    assert read["dependency-groups"]["test"] == extra


def test_the_oldest_dependencies_are_all_that_have_a_lower_bound():
    read = tomllib.loads(PYPROJECT)["project"]
    lines = oldest()(PYPROJECT)
    pinned = dict(line.split("==") for line in lines if "==" in line)
    for asked in read["dependencies"]:
        name, bound = asked.split(">=")
        assert pinned[name] == bound
    assert "ruff" not in pinned
    assert all("==" in line or "<" in line for line in lines)


def test_every_python_that_the_package_allows_is_checked():
    asked = re.search(r'requires-python = ">=(\d+\.\d+)"', PYPROJECT)[1]
    checked = re.search(r"python: \[(.+)\]", WORKFLOW)[1].replace('"', "").split(", ")
    assert checked[0] == asked
    assert checked == [f"3.{11 + i}" for i in range(len(checked))]
