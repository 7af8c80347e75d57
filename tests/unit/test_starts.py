"""Importing does nothing, and a start loads no library that it does not use."""

import subprocess
import sys
from pathlib import Path

import pytest


def run(program, *arguments, stream="stdout"):
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return getattr(done, stream)


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
"""


BUILT = """
import sys
from pathlib import Path
from relabel.settings import Settings
from relabel.web.app import create_app
create_app(Settings(data_dir=Path(sys.argv[1]), label_studio_api_key="k" * 40))
"""

HELP = """
import contextlib
from relabel.cli.app import main
sys.argv = ["relabel", "--help"]
with contextlib.suppress(SystemExit):
    main()
"""

WORKED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import relabel.service.worker
from fake_label_studio import FakeLabelStudio
from relabel.service.sync.sweep import sweep
from relabel.storage.database import open_database
from wiring import URL, TOKEN, Context, LabelStudio, connect_project, deliver, make_settings
fake, settings = FakeLabelStudio(), make_settings(Path(sys.argv[1]))
client = LabelStudio(URL, TOKEN, transport=fake.transport())
context = Context(settings, open_database(settings.database()), client)
number = fake.add_project(["cat", "dog", "bird", "cat"])
connect_project(context, number)
fake.annotate(next(iter(fake.tasks)), 1, "dog")
deliver(context, fake)
sweep(context)
"""

NEXT_VOTES = """
import relabel.service.insight.forecast
"""

LEARNING = {"torch", "torchvision", "faiss", "sklearn", "matplotlib", "cleanlab", "pandas"}
"""What a round, a simulation or a report takes seconds to load."""

OTHERS = {"filelock", "sqlalchemy.dialects.postgresql", "psycopg"}
"""What a worker or another store needs."""

UNUSED = {
    "help": (
        HELP,
        LEARNING | {"scipy", "numpy", "sqlalchemy", "alembic", "flask", "httpx", "pydantic"},
    ),
    "web built": (BUILT, LEARNING | OTHERS | {"scipy", "alembic"}),
    "web asked": (SERVED, LEARNING | OTHERS),
    "next votes": (NEXT_VOTES, LEARNING | OTHERS),
    "worker": (WORKED, LEARNING),
}
"""A start, and what it must not load."""


@pytest.mark.slow
@pytest.mark.parametrize("start", UNUSED)
def test_a_start_loads_only_what_it_uses(tmp_path, start):
    program, unused = UNUSED[start]
    tell = f"\nprint('loaded', *sorted({unused} & set(sys.modules)), file=sys.stderr)"
    support = str(Path(__file__).parents[1] / "support")
    run(BUILT, str(tmp_path / "data"))  # the schema's steps are made once, by whoever comes first
    told = run(f"import sys\n{program}{tell}", str(tmp_path / "data"), support, stream="stderr")
    assert told.splitlines()[-1] == "loaded"
