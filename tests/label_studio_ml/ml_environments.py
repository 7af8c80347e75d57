"""Environments with label-studio-ml: 1.0.9 is made once under .cache, 2.x is where you say.

1.0.9 pins an old web stack (Flask 1.1.2), which would replace our own. 2.x is on no package index:
install it from its repository into an environment of its own, and name that one's `bin` folder in
RELABEL_TEST_LABEL_STUDIO_ML_2_BIN.
"""

import fcntl
import os
import subprocess
import sysconfig
import venv
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cache" / "label-studio-ml-1.0.9"
OURS = (str(ROOT / "backend"), sysconfig.get_path("purelib"))
SERVERS = ("own app", "1.0.9", "2.x")


@cache
def old() -> Path:
    """Return the programs of the environment with 1.0.9, which sees our packages behind its own."""
    HOME.parent.mkdir(exist_ok=True)
    with Path(f"{HOME}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two files of tests want it, in two processes
        if not (HOME / ".installed").exists():
            _install_old()
    return HOME / "bin"


def _install_old() -> None:
    venv.create(HOME, clear=True, with_pip=True)
    # 1.0.9 imports redis and rq without declaring them.
    command = [HOME / "bin" / "pip", "install", "--quiet", "label-studio-ml==1.0.9", "redis", "rq"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        pytest.skip(f"label-studio-ml 1.0.9 cannot be installed: {result.stderr[-300:]}")
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(HOME)}))
    (purelib / "zz_ours_behind.pth").write_text("".join(f"{path}\n" for path in OURS))
    (HOME / ".installed").touch()


def new() -> Path:
    """Return the programs of the environment with 2.x."""
    named = os.environ.get("RELABEL_TEST_LABEL_STUDIO_ML_2_BIN")
    if not named:
        pytest.skip("label-studio-ml 2.x: name its programs in RELABEL_TEST_LABEL_STUDIO_ML_2_BIN")
    return Path(named)


def programs(server: str) -> Path:
    """Return the folder of a server's Python."""
    if server == "own app":
        return Path(sysconfig.get_path("scripts"))
    return old() if server == "1.0.9" else new()


def variables(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which Label Studio's variables of whoever runs this are left out."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("RELABEL_", "LABEL_STUDIO", "BASIC_AUTH", "ML_SERVER", "PYTHONPATH")
        )
    }
    return (
        kept
        | {
            "RELABEL_DATA_DIR": str(folder / "data"),
            "LABEL_STUDIO_API_KEY": "0" * 40,
            "MODEL_DIR": str(folder),  # 2.x makes a cache of its own as it is imported
            "PYTHONWARNINGS": "ignore",
            "RELABEL_TEST_OURS": os.pathsep.join(OURS),
        }
        | more
    )
