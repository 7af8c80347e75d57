"""Imports go downwards only, and heavy libraries stay where they belong."""

import ast
from functools import cache
from pathlib import Path

import pytest
import relabel

ROOT = Path(relabel.__file__).parent

FLOORS = (
    "types errors files first_bytes http machine accounts secret_values",
    "catalogue former_keys policy settings",
    "numerics numerics/consensus numerics/diversity numerics/estimates numerics/neighbours",
    "storage storage/journal storage/migrations storage/migrations/versions labelstudio",
    "media/medium media/image media/registry",
    "learning learning/networks learning/encoders learning/training learning/ssl",
    "learning/selectors learning/trial",
    "simulation simulation/data simulation/data/sources simulation/campaign simulation/measure",
    "simulation/experiment simulation/forecast simulation/rest simulation/report",
    "simulation/papers/parts",
    "simulation/papers/bernhardt2022 simulation/papers/kim2022 simulation/papers/khanal2024",
    "simulation/papers simulation/plan",
    "service/context service/connected service/device service/webhooks service/traces",
    "service/crew",
    "service/votes",
    "service/audit",
    "service/queue",
    "service/books service/commands service/export",
    "service/sync",
    "service/rounds service/setup",
    "service/insight service/doctor",
    "service/worker",
    "web web/pages web/charts",
    "demo demo/servers",
    "cli label_studio_ml __main__ simulation/command",
)
"""Rooms and lone modules from the ground up. Imports lead to the same floor or to one below."""

APART = {
    "learning": ("storage", "labelstudio"),
    "simulation": ("storage", "labelstudio"),
    "service": ("simulation",),
}
"""Whom a house does not ask although it stands below: the same methods serve the live system and a
simulation, which knows of neither store nor server."""

BRIDGES = {
    ("service/insight/forecast.py", "simulation/forecast"),
    ("service/insight/forecast.py", "simulation/campaign/judge"),
    ("service/insight/forecast.py", "simulation/rest"),
    ("simulation/data/sources/projects.py", "labelstudio/exports"),
}
"""A forecast plays the rest of a real project as a simulated campaign; a backtest reads the history
of a real project with the eyes of the service."""

SHELVES = ("learning/selectors", "simulation/data/sources", "storage/migrations/versions")
"""Rooms of one shape, plug-ins and steps of the schema, which may hold any number of them."""

MODULES_IN_A_ROOM = 12

PIXELS = (
    "media/",
    "learning/encoders/",
    "learning/networks/",
    "learning/ssl/",
    "learning/augment.py",
    "simulation/data/",
    "demo/",
)
"""Where pictures are more than a name: reading them, turning them into vectors, making them up."""

OF_ADDRESSES = "media/image/references"
"""What is Label Studio's own address: nothing of a picture, and the doctor looks at it, too."""

HEAVY = {
    "torch": ("learning/",),
    "torchvision": ("learning/encoders/", "simulation/data/sources/downloads.py"),
    "faiss": ("numerics/neighbours/knn",),
    "matplotlib": ("simulation/report/plots.py",),
    "cleanlab": ("simulation/campaign/cleanlab_scores.py",),
    "sklearn": (
        "demo/digits.py",
        "simulation/data/noise_models.py",
        "simulation/data/sources/",
        "simulation/campaign/cleanlab_scores.py",
    ),
    "sqlalchemy": ("storage/", "service/", "web/"),
    "alembic": ("storage/",),
    "flask": ("web/", "label_studio_ml/"),
    "filelock": ("storage/", "demo/servers/"),
    "typer": ("cli/", "simulation/command.py", "demo/"),
    "defusedxml": ("labelstudio/tags.py",),
    "label_studio_ml": ("label_studio_ml/",),
    "relabel.label_studio_ml": ("label_studio_ml/",),
    "PIL": PIXELS,
}
"""Where a library may be imported."""


@cache
def modules():
    return sorted(ROOT.rglob("*.py"))


@cache
def tree_of(path):
    return ast.parse(path.read_text())


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@cache
def room_of(name):
    """Return the room of `storage/tasks.py` or of `relabel.storage.tasks`, None = a package itself.

    A module that stands alone on its floor is a room of its own.
    """
    module = name.replace("/", ".").removesuffix(".py").removesuffix(".__init__")
    parts = module.removeprefix("relabel.").split(".")
    rooms = {room for floor in FLOORS for room in floor.split()}
    return next(
        (room for n in range(len(parts), 0, -1) if (room := "/".join(parts[:n])) in rooms), None
    )


def floor_of(room):
    return next(number for number, floor in enumerate(FLOORS) if room in floor.split())


def imported_modules(path):
    """Return the modules of this package that a file imports, as `storage/tasks`."""
    return {
        module
        for name in imports(path)
        if name.startswith("relabel.")
        and ROOT.joinpath(module := name.removeprefix("relabel.").replace(".", "/"))
        .with_suffix(".py")
        .exists()
    }


@cache
def imports(path):
    """Return every module that a file imports, whether at the top or inside a function."""
    package = ["relabel", *path.relative_to(ROOT).parent.parts]
    found = set()
    for node in ast.walk(tree_of(path)):
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
    if path.name == "__init__.py" and not imported_modules(path):
        return
    room = room_of(name)
    assert room is not None, f"{name} is in no room; name it in FLOORS"
    for imported in imported_modules(path):
        if (name, imported) in BRIDGES:
            continue
        other = room_of(imported)
        assert floor_of(other) <= floor_of(room), f"{name} imports {imported}"
        for house, foreign in APART.items():
            if room.split("/")[0] == house:
                assert other.split("/")[0] not in foreign, f"{name} imports {imported}"


def arrows():
    """Return {room: rooms that it imports}; a module beside rooms is a room of its own."""
    lone = {room.split("/")[0] for floor in FLOORS for room in floor.split() if "/" in room}

    def place(module):
        room = module.rpartition("/")[0] or module
        return module if room in lone else room

    found = {}
    for path in modules():
        name = name_of(path).removesuffix(".py")
        here = name.removesuffix("/__init__") if path.name == "__init__.py" else place(name)
        found.setdefault(here, set()).update(place(i) for i in imported_modules(path))
    return {room: others - {room} for room, others in found.items()}


def circle(arrows):
    """Return rooms that import one another in a circle, [] = there is none."""
    left = {room: set(others) for room, others in arrows.items()}
    while free := [room for room, others in left.items() if not others & left.keys()]:
        for room in free:
            del left[room]
    return sorted(left)


def test_rooms_form_no_circle():
    assert circle(arrows()) == []


def test_a_circle_is_noticed():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


def test_no_room_is_crowded():
    for folder in {path.parent for path in modules()}:
        held = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        room = folder.relative_to(ROOT).as_posix()
        assert len(held) <= MODULES_IN_A_ROOM or room in SHELVES, f"{room}: {len(held)} modules"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_and_its_functions_can_be_overlooked(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    if "migrations" in path.parts:
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def test_insight_only_reads():
    """Neither a transaction that writes, nor a lock, nor what changes Label Studio."""
    writers = {"storage/locks", "service/queue/refresh", "service/queue/publish", "service/sync"}
    for path in (ROOT / "service" / "insight").glob("*.py"):
        assert ".begin(" not in path.read_text(), path.name
        taken = imported_modules(path)
        assert not {i for i in taken if i in writers or room_of(i) in writers}, path.name


def test_the_service_and_the_pages_ask_the_medium():
    """Nobody else opens the rooms of a medium; a simulation's reports show single images."""
    allowed = (*PIXELS, "simulation/report/")
    for path in modules():
        opened = {i for i in imported_modules(path) if i.startswith("media/image/")}
        inside = opened - {OF_ADDRESSES}
        assert not inside or name_of(path).startswith(allowed), f"{name_of(path)}: {inside}"


@pytest.mark.parametrize("library", HEAVY)
def test_libraries_stay_where_they_belong(library):
    for path in modules():
        if any(i == library or i.startswith(f"{library}.") for i in imports(path)):
            assert name_of(path).startswith(HEAVY[library]), f"{name_of(path)} imports {library}"


@pytest.mark.parametrize("library", ["torch", "faiss", "matplotlib", "sqlalchemy", "filelock"])
def test_the_rules_above_watch_something(library):
    assert any(library in {i.split(".")[0] for i in imports(path)} for path in modules())


def test_only_the_settings_read_the_environment():
    """The demo starts other programs and hands its own environment on."""
    for path in modules():
        reads = [
            node
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr)
            in {("os", "environ"), ("os", "getenv"), ("os", "putenv")}
        ]
        assert not reads or name_of(path).startswith(("settings.py", "demo/")), name_of(path)


def test_nothing_draws_from_the_global_generators():
    allowed = {"default_rng", "Generator", "SeedSequence", "RandomState"}
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
                continue
            owner = node.value
            if isinstance(owner.value, ast.Name) and (owner.value.id, owner.attr) == (
                "np",
                "random",
            ):
                assert node.attr in allowed, f"{name_of(path)}:{node.lineno}"
