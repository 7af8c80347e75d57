"""The wheel, made from the source distribution and installed outside a checkout, does its work.

What it needs besides is found where the tests' own packages are. `make test-wheel` runs all of it;
by default only what is in the files is looked at.
"""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fake_label_studio import FakeLabelStudio
from served import over_http, served
from wiring import TOKEN

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "backend" / "relabel"
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, sys.argv[1])(sys.argv[2]))
"""
installed_only = pytest.mark.skipif(
    not os.environ.get("RELABEL_TEST_WHEEL"), reason="takes longer: make test-wheel"
)


def build(kind, source, out):
    """Make "sdist" or "wheel" from a folder; return the file."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-W", "error", "-c", BUILD, f"build_{kind}", str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The source distribution of this tree, and the wheel that is made of it alone."""
    folder = tmp_path_factory.mktemp("build")
    tree = folder / "tree"
    shutil.copytree(SOURCE, tree / "backend" / "relabel", ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    sdist = build("sdist", tree, folder / "dist")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    [unpacked] = (folder / "unpacked").iterdir()
    return sdist, build("wheel", unpacked, folder / "dist")


def wanted():
    """Every file of the package; the READMEs of its rooms are for people with a checkout."""
    return {
        f"relabel/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }


@pytest.mark.slow
def test_the_wheel_and_the_source_distribution_hold_every_file_of_the_package(files):
    sdist, wheel = files
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {f"backend/{name}" for name in wanted()} <= names
    with zipfile.ZipFile(wheel) as packed:
        assert {n for n in packed.namelist() if ".dist-info/" not in n} == wanted()
    assert "relabel/label_studio_ml/_wsgi.py" in wanted()


@pytest.fixture(scope="module")
def home(files, tmp_path_factory):
    """An environment with the wheel, away from the checkout."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    command += ["--no-deps", "--no-index", "--disable-pip-version-check", str(files[1])]
    subprocess.run(command, check=True)
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    (purelib / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


class Installed:
    """The installed command, in a folder of its own and an environment without our variables."""

    def __init__(self, home, folder, label_studio):
        self.bin, self.folder = home / "bin", folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        taken_away = ("RELABEL_", "LABEL_STUDIO", "BASIC_AUTH", "PYTHONPATH")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(taken_away)}
        self.environment = kept | {
            "LABEL_STUDIO_URL": label_studio,
            "LABEL_STUDIO_API_KEY": TOKEN,
            "RELABEL_DATA_DIR": str(folder / "data"),
            "RELABEL_PORT": str(self.port),
            "RELABEL_URL": self.url,
            "COLUMNS": "200",
        }

    def run(self, *command):
        done = subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self, *command):
        command = [self.bin / command[0], *command[1:]]
        with subprocess.Popen(command, cwd=self.folder, env=self.environment) as server:
            try:
                yield self.answer()
            finally:
                server.terminate()

    def answer(self):
        deadline = time.monotonic() + 120
        while True:
            try:
                return httpx.get(f"{self.url}/health", trust_env=False).json()
            except httpx.RequestError:
                assert time.monotonic() < deadline
                time.sleep(0.2)


@pytest.fixture
def fake():
    return FakeLabelStudio()


@pytest.fixture
def installed(home, tmp_path, fake):
    with served(over_http(fake)) as label_studio:
        yield Installed(home, tmp_path, label_studio)


@installed_only
def test_it_is_the_installed_package_that_helps(installed, home):
    where = installed.run("python", "-c", "import relabel; print(relabel.__file__)")
    assert Path(where.strip()).is_relative_to(home)
    text = installed.run("relabel", "--help")
    assert "Find and fix the wrong labels" in text
    for command in ("serve", "doctor", "simulate"):
        assert command in text


@installed_only
def test_it_serves_pages_connects_a_project_and_its_doctor_finds_it_well(installed, fake):
    number = fake.add_project(["cat", "dog", "bird", "cat"] * 5)
    with installed.serving("relabel", "serve") as health:
        assert health["model_class"] == "relabel"
        page = httpx.get(installed.url, headers={"Accept": "text/html"}, trust_env=False)
        assert "<main" in page.text
        params = ("--params", 'encoder = "tiny"', "--yes")
        installed.run("relabel", "connect", "--project", str(number), *params)
        told = subprocess.run(
            [installed.bin / "relabel", "doctor", "--project", str(number)],
            cwd=installed.folder,
            env=installed.environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    for check in ("label studio", "token", "address", "labelling config", "webhook", "delivery"):
        assert f"ok {check}:" in " ".join(told.split()), told


@installed_only
def test_its_folder_can_be_started_by_label_studio_ml(installed):
    where = installed.run("python", "-c", "import relabel.label_studio_ml as l; print(*l.__path__)")
    with installed.serving("python", f"{where.strip()}/_wsgi.py") as health:
        assert health["model_class"] == "relabel"


@installed_only
def test_it_simulates(installed):
    options = ("--dataset", "digits", "--score", "phi", "--seeds", "1", "--budget", "60")
    installed.run("relabel", "simulate", *options, "--out", "results")
    assert (installed.folder / "results" / "report.html").exists()
