"""Write the tables of the documentation from the code: settings, policy keys, registries, commands.

A table stands between two comment lines, `table: NAME` and `end of table`. Run
`.venv/bin/python docs/make_tables.py` after changing what a table lists; a test compares.
"""  # noqa: INP001  a script, no package

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import typer
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from relabel.catalogue.built_in import SELECTORS
from relabel.catalogue.signatures import ABSENT
from relabel.cli.app import build_app
from relabel.learning.encoders.registry import ENCODERS
from relabel.learning.networks.registry import ARCHITECTURES, build
from relabel.numerics.diversity.registry import DIVERSITY
from relabel.numerics.gain import GAIN, gain_score
from relabel.numerics.scoring import SCORES as OF_POSTERIORS
from relabel.policy import PRESETS, Policy
from relabel.service.doctor.checkup import CHECKS
from relabel.settings import Settings
from relabel.simulation.data.noise_models import NOISE_MODELS
from relabel.simulation.data.sources import DATASETS
from relabel.web.metrics import FIGURES
from torchvision import models

ROOT = Path(__file__).resolve().parents[1]
SCORES = {**OF_POSTERIORS, GAIN: gain_score}
BLOCK = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def main() -> None:
    """Rewrite every table in README and docs; say which files changed."""
    for path in documents():
        before = path.read_text()
        after = with_tables(before)
        if after != before:
            path.write_text(after)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


def documents() -> list[Path]:
    """Return the files that may hold tables."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_tables(text: str) -> str:
    """Return the text with each of its tables as the code now says."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n\n{m[3]}", text)


def settings_table() -> str:
    """List every setting: the names it is read from, its default, what it means."""
    rows = []
    for name, field in Settings.model_fields.items():
        names = " or ".join(f"`{n}`" for n in environment_names(name, field))
        rows.append((names, _default(field).replace('"', ""), field.description or ""))
    return _table(("Variable", "Default", "Meaning"), rows)


def environment_names(name: str, field: FieldInfo) -> list[str]:
    """Return the variables that a setting is read from."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [f"RELABEL_{name.upper()}"]


def policy_table() -> str:
    """List every policy key, its default, what it means."""
    rows = [
        (f"`{name}`", _default(field), field.description or "")
        for name, field in Policy.model_fields.items()
    ]
    return _table(("Key", "Default", "Meaning"), rows)


def presets_table() -> str:
    """List what each preset sets."""
    rows = [
        (f"`{name}`", ", ".join(f"`{key} = {_toml(value)}`" for key, value in keys.items()))
        for name, keys in PRESETS.items()
    ]
    return _table(("Preset", "Sets"), rows)


def commands_table() -> str:
    """List every command with the first line of its help."""
    group = typer.main.get_command(build_app())
    rows = [
        (f"`relabel {name}`", _first_line(command.help or ""))
        for name, command in group.commands.items()  # type: ignore[attr-defined]
        if not command.hidden
    ]
    return _table(("Command", "Does"), rows)


def selectors_table() -> str:
    """List every selector with the options that are its own."""
    rows = []
    for name, entry in SELECTORS.items():
        own = [f"`{key}`" for key, option in entry.options.items() if option.default is not ABSENT]
        shared = ["*training options*"] if len(own) < len(entry.options) else []
        rows.append((f"`{name}`", entry.what, ", ".join([*own, *shared]) or "none"))
    return _table(("Selector", "What it is", "Options"), rows)


def training_options() -> str:
    """List the options that all selectors which train networks share."""
    every = (item for entry in SELECTORS.values() for item in entry.options.items())
    names = dict.fromkeys(name for name, option in every if option.default is ABSENT)
    return ", ".join(f"`{name}`" for name in names)


def networks_table() -> str:
    """List every network with the training that suits it, and how large it is."""
    rows = []
    for name, one in ARCHITECTURES.items():
        inputs = torch.zeros((1, 512) if one.reads == "vectors" else (1, 3, 32, 32), device="meta")
        with torch.device("meta"):
            weights = sum(value.numel() for value in build(one, inputs, 10).parameters())
        training = (str(one.epochs), f"{one.learning_rate:g}", str(one.batch_size), one.augment)
        rows.append((f"`{name}`", one.reads, f"{weights:,}", *training))
    heads = ("Reads", "Weights", "Epochs", "Learning rate", "Batch at most", "Augmentation")
    return _table(("Network", *heads), rows)


def encoders_table() -> str:
    """List every encoder; torchvision says how large its own are, and how good."""
    rows = []
    for name, load in ENCODERS.items():
        if name in models.list_models():
            facts = models.get_model_weights(name).DEFAULT.meta
            right = facts["_metrics"]["ImageNet-1K"]["acc@1"]
            figures = (f"{facts['_file_size']:.0f} MB", f"{facts['_ops']:.1f}", f"{right:.0f} %")
            rows.append((f"`{name}`", "torchvision's, trained on photographs", *figures))
        else:
            plain = load.func if isinstance(load, functools.partial) else load
            what = _first_line(inspect.getdoc(plain) or "")
            rows.append((f"`{name}`", what, "nothing", "-", "-"))
    heads = (
        "Encoder",
        "What it is",
        "Downloads",
        "GFLOP per image",
        "ImageNet, right at first guess",
    )
    return _table(heads, rows)


def registry_table(kind: str, registry: Mapping[str, Callable[..., Any]]) -> str:
    """List a registry with the first line of each docstring."""
    plain = {n: f.func if isinstance(f, functools.partial) else f for n, f in registry.items()}
    rows = [(f"`{n}`", _first_line(inspect.getdoc(f) or "")) for n, f in plain.items()]
    return _table((kind, "What it is"), rows)


def checks_table() -> str:
    """List what the doctor looks at."""
    names = ("label studio", "token", "device", "plug-ins", *CHECKS)
    return "\n".join(f"- [`{name}`](#{name.replace(' ', '-')})" for name in names)


def metrics_table() -> str:
    """List the figures of /metrics."""
    return _table(
        ("Metric", "Meaning"), [(f"`relabel_{name}`", text) for name, text in FIGURES.items()]
    )


def benchmarks_list() -> str:
    """List the results of benchmarks that are there."""
    found = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    lines = [f"- [{_title(path)}](../benchmarks/results/{path.name})" for path in found]
    return "\n".join(lines) or "No results yet."


def _title(path: Path) -> str:
    return path.read_text().split("\n", 1)[0].lstrip("# ")


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "policy": policy_table,
    "presets": presets_table,
    "commands": commands_table,
    "selectors": selectors_table,
    "training-options": training_options,
    "networks": networks_table,
    "encoders": encoders_table,
    "scores": lambda: registry_table("Score", SCORES),
    "diversity": lambda: registry_table("Diversity", DIVERSITY),
    "noise-models": lambda: registry_table("Noise model", NOISE_MODELS),
    "datasets": lambda: registry_table("Data set", DATASETS),
    "benchmarks": benchmarks_list,
    "checks": checks_table,
    "metrics": metrics_table,
}


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    # Outside of code, a tag such as <Image> would be taken for HTML.
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _first_line(docstring: str) -> str:
    return docstring.split("\n\n", 1)[0].strip()


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", (), {}):
        return "none"
    return f"`{_toml(value)}`"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    main()
