"""Imports go downwards only, heavy libraries stay where they belong, importing does nothing."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import relabel

ROOT = Path(relabel.__file__).parent

LAYERS = {
    "base": (
        "types",
        "errors",
        "transport",
        "deadlines",
        "machine",
        "first_bytes",
        "levels",
        "pictures",
        "accounts",
        "files",
        "secret_values",
        "catalogue",
        "policy",
        "settings",
    ),
    "numerics": ("numerics",),
    "learning": ("learning",),
    "adapters": ("storage", "imaging", "labelstudio"),
    "service": ("service",),
    "entry": ("web", "cli", "ml_backend", "wsgi", "demo", "__main__"),
    "simulation": ("simulation",),
}
BELOW = {
    "base": {"base"},
    "numerics": {"base", "numerics"},
    "learning": {"base", "numerics", "learning"},
    "adapters": {"base", "numerics", "learning", "adapters"},
    "service": {"base", "numerics", "learning", "adapters", "service"},
    "simulation": {"base", "numerics", "learning", "simulation"},
    "entry": {"base", "numerics", "learning", "adapters", "service", "entry", "simulation"},
}
"""What each layer may import. Simulation stands beside adapters and services, not on them."""

BESIDE = {
    "service/forecast.py": "relabel.simulation.forecast",
    "simulation/datasets/projects.py": "relabel.labelstudio.exports",
}
"""The two bridges: a forecast plays the rest of a real project as a simulated campaign, and a
backtest reads the history of a real project with the eyes of the service."""

HEAVY = {
    "torch": ("learning/",),
    "torchvision": ("learning/", "simulation/datasets/downloads.py"),
    "faiss": ("numerics/knn",),
    "matplotlib": ("simulation/plots.py",),
    "cleanlab": ("numerics/consensus/crowdlab.py", "simulation/peers.py"),
    "sklearn": (
        "demo/digits.py",
        "simulation/datasets/",
        "simulation/peers.py",
        "simulation/model_selection.py",
    ),
    "sqlalchemy": ("storage/", "service/", "web/", "demo/seeded_store.py"),
    "alembic": ("storage/",),
    "flask": ("web/", "ml_backend"),
    "huey": ("service/jobs.py",),
    "typer": ("cli/", "simulation/command.py", "demo/"),
    "defusedxml": ("labelstudio/tags.py",),
    "label_studio_ml": ("ml_backend",),
}
"""Where a library may be imported."""


@cache
def modules():
    return sorted(ROOT.rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def layer_of(name):
    """Return the layer of `storage/tasks.py` or of `relabel.storage.tasks`."""
    first = name.replace("/", ".").removesuffix(".py").removeprefix("relabel.").split(".")[0]
    return next((layer for layer, parts in LAYERS.items() if first in parts), None)


@cache
def imports(path):
    """Return every module that a file imports, whether at the top or inside a function."""
    package = ["relabel", *path.relative_to(ROOT).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*up, node.module] if node.module else up)
            found.add(module)
            found |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            found |= {_beginning(argument) for argument in node.args[:1]}
    return found


def _beginning(argument):
    """Return the fixed beginning of a module's name that is put together."""
    part = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
    return str(part.value) if isinstance(part, ast.Constant) else ""


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_downwards_only(path):
    name = name_of(path)
    if name == "__init__.py":
        assert not any(i.startswith("relabel") for i in imports(path))
        return
    layer = layer_of(name)
    assert layer is not None, f"{name} belongs to no layer; name it in LAYERS"
    for imported in imports(path):
        if imported.startswith(BESIDE.get(name, "nothing")):
            continue
        if imported.startswith("relabel.") and layer_of(imported) is not None:
            assert layer_of(imported) in BELOW[layer], f"{name} imports {imported}"


@pytest.mark.parametrize("library", HEAVY)
def test_libraries_stay_where_they_belong(library):
    for path in modules():
        if any(i == library or i.startswith(f"{library}.") for i in imports(path)):
            assert name_of(path).startswith(HEAVY[library]), f"{name_of(path)} imports {library}"


@pytest.mark.parametrize("library", ["torch", "faiss", "matplotlib", "sqlalchemy", "huey"])
def test_the_rules_above_watch_something(library):
    assert any(library in {i.split(".")[0] for i in imports(path)} for path in modules())


def test_only_the_settings_read_the_environment():
    """The demo starts other programs and hands its own environment on."""
    for path in modules():
        reads = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr)
            in {("os", "environ"), ("os", "getenv"), ("os", "putenv")}
        ]
        assert not reads or name_of(path).startswith(("settings.py", "demo/")), name_of(path)


def test_nothing_draws_from_the_global_generators():
    allowed = {"default_rng", "Generator", "SeedSequence", "RandomState"}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
                continue
            owner = node.value
            if isinstance(owner.value, ast.Name) and (owner.value.id, owner.attr) == (
                "np",
                "random",
            ):
                assert node.attr in allowed, f"{name_of(path)}:{node.lineno}"


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WATCHED = """
import sys
opened = []
def watch(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")):
        mode = arguments[1] or "r"
        inside = str(arguments[0]).startswith((sys.prefix, sys.base_prefix, "/proc/", "/sys/"))
        if not inside or any(letter in mode for letter in "wax+"):
            opened.append(f"open {arguments[0]} {mode}")
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.mkdir", "sqlite3.")):
        opened.append(f"{event} {arguments}")
import importlib
sys.addaudithook(watch)
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print("\\n".join(opened))
"""


def test_importing_the_package_opens_nothing():
    assert run(WATCHED, "relabel").strip() == ""


FOREIGN = ("socket.__new__", "socket.bind", "open /etc/")
"""urllib3 tries on import whether there is IPv6, by a socket that it closes again."""


@pytest.mark.parametrize("module", ["relabel.web.app", "relabel.cli.app"])
def test_importing_a_part_writes_nothing_and_connects_nowhere(module):
    told = run(WATCHED, module).splitlines()
    assert [line for line in told if line and not line.startswith(FOREIGN)] == []


SERVED = """
import sys
from pathlib import Path
from relabel.settings import Settings
from relabel.web.app import create_app
folder = Path(sys.argv[1])
client = create_app(Settings(data_dir=folder, label_studio_api_key="k" * 40)).test_client()
body = {"action": "PROJECT_UPDATED", "project": {"id": 1}}
for answer in (
    client.get("/health"),
    client.get("/metrics"),
    client.get("/"),
    client.post("/webhook", json=body),
    client.post("/predict", json={"tasks": [{"id": 1}]}),
):
    assert answer.status_code < 400, answer.text
print(sorted({"torch", "torchvision", "matplotlib"} & set(sys.modules)))
"""


def test_the_web_process_never_imports_torch(tmp_path):
    assert run(SERVED, str(tmp_path)).strip() == "[]"


def test_the_worker_never_imports_torch():
    """Rounds have a process of their own."""
    program = "import relabel.service.worker, sys; print('torch' in sys.modules)"
    assert run(program).strip() == "False"
