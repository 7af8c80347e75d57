"""The tutorial can be followed to the letter."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tutorial

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path, label_studio):
    """The files of the repository in a folder of their own, with what `make demo` would install."""
    folder = tmp_path / "label-studio-relabel"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    borrow_environment(folder)
    installed = Path(label_studio.server.process.args[0]).parent.parent
    (folder / ".venv-label-studio").symlink_to(installed)
    assert list(installed.glob(".installed-*")), "install Label Studio by `make`"
    return folder


def borrow_environment(folder):
    """Make a .venv that runs the folder's own code, with the packages of the one that runs now."""
    environment = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = next((environment / "lib").glob("python3*/site-packages"))
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join([str(folder / "backend"), *others]))
    command = environment / "bin" / "relabel"
    command.write_text(f"#!{environment}/bin/python\nfrom relabel.cli import main\nmain()\n")
    command.chmod(0o755)
    (environment / ".installed").touch()


@pytest.mark.skipif(
    "RELABEL_TEST_TUTORIAL" not in os.environ, reason="150 votes take minutes: make test-tutorial"
)
def test_following_the_tutorial_leads_to_corrected_labels_and_the_report(clone):
    """Every block is typed into a terminal, every click made in Chromium, from first to last."""
    reader = tutorial.follow(clone)
    assert reader.figures["votes"] == reader.figures["votes_in_store"] - 17
    log = reader.second.text
    for run in ("connect", "round-1", "round-2"):
        assert re.search(rf"^{run}: ", log, re.MULTILINE)


def test_every_block_of_the_tutorial_is_followed():
    """A shell block outside the numbered sections would be overlooked."""
    text = (ROOT / "docs" / "tutorial.md").read_text()
    followed = [block for blocks in tutorial.sections(text).values() for block in blocks]
    assert followed == tutorial.BLOCK.findall(text)
    assert len(followed) == text.count("```") / 2
    assert any("relabel report" in block for block in followed)
