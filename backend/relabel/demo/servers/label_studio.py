"""A throw-away Label Studio on loopback, run from a virtual environment of its own.

The first boot of Label Studio creates its database, which takes half a minute or more. That is
done once per environment; each new data folder starts as a copy of the result.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from relabel.demo.servers import processes
from relabel.demo.servers.processes import Server
from relabel.errors import NotReadyError

TEMPLATE = "relabel-template"
"""Folder inside the virtual environment that keeps an empty, migrated database: it fits exactly
the version installed there and goes away with it."""

DATABASE = "label_studio.sqlite3"
PID_FILE = "server.pid"


@dataclass(frozen=True, slots=True)
class Administrator:
    """The account that Label Studio creates at its first start; `token` is a legacy token."""

    email: str
    password: str
    token: str


def check_program(bin_folder: Path) -> Path:
    """Return the program of Label Studio in this folder.

    Raises:
        NotReadyError: it is not installed there.

    """
    program = bin_folder / "label-studio"
    if not program.exists():
        raise NotReadyError(
            f"{program} does not exist. `make demo` installs Label Studio; or install it into a "
            f"virtual environment of its own and name that one's bin folder."
        )
    return program


def start_label_studio(
    bin_folder: Path,
    data: Path,
    *,
    port: int,
    administrator: Administrator,
    extra: Mapping[str, str] | None = None,
) -> Server:
    """Start Label Studio and wait until it answers.

    Args:
        bin_folder: The `bin` of the virtual environment that holds Label Studio.
        data: Its data folder; an absent one starts as an empty, migrated database.
        port: Must be free: Label Studio silently moves to another one otherwise.
        administrator: Created with the database, not changed afterwards.
        extra: Further variables of its environment.

    Raises:
        NotReadyError: Label Studio is not installed there, or does not start.
    """
    program = check_program(bin_folder)
    if not (data / DATABASE).exists():
        shutil.copytree(prepare_template(bin_folder), data, dirs_exist_ok=True)
    processes.stop_leftover(data / PID_FILE, str(data))
    server = _boot(program, data, port, administrator, extra)
    (data / PID_FILE).write_text(str(server.process.pid))
    return server


def prepare_template(bin_folder: Path) -> Path:
    """Return the empty, migrated database of this environment, made when first asked for.

    Of several who ask at a time one makes it and the others wait: it keeps a processor busy for
    about a minute.
    """
    program = check_program(bin_folder)
    template = bin_folder.parent / TEMPLATE
    if not template.exists():
        with FileLock(template.with_suffix(".lock")):
            if not template.exists():
                _build_template(program, template)
    return template


def _build_template(program: Path, template: Path) -> None:
    """Boot once without any user."""
    with tempfile.TemporaryDirectory(dir=template.parent, prefix=f"{TEMPLATE}-") as folder:
        data = Path(folder) / "data"
        _boot(program, data, processes.free_port(0), None).stop()
        (data / ".env").unlink(missing_ok=True)  # the secret key: every copy makes its own
        (data / "server.log").unlink(missing_ok=True)
        data.rename(template)


def _boot(
    program: Path,
    data: Path,
    port: int,
    administrator: Administrator | None,
    extra: Mapping[str, str] | None = None,
) -> Server:
    command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1"]
    command += ["--port", str(port), "--data-dir", str(data), "--log-level", "INFO"]
    return processes.start(
        "Label Studio",
        command,
        url=f"http://127.0.0.1:{port}",
        log=data / "server.log",
        env={**_environment(data, administrator), **(extra or {})},
    )


def _environment(data: Path, administrator: Administrator | None) -> dict[str, str]:
    home = data / "home"
    home.mkdir(parents=True, exist_ok=True)
    env = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), str(home))
    env |= {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "DJANGO_DB": "sqlite",
        # The backend listens on loopback, which both of these would forbid Label Studio to call.
        "SSRF_PROTECTION_ENABLED": "false",
        "ML_BLOCK_LOCAL_IP": "false",
        # Honoured only when the first user (and with it the organization) is created.
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # Nothing leaves this machine; empty, since the defaults of the addresses are not.
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "FEATURE_FLAGS_OFFLINE": "true",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    }
    if administrator is not None:
        env |= {
            "LABEL_STUDIO_USERNAME": administrator.email,
            "LABEL_STUDIO_PASSWORD": administrator.password,
            "LABEL_STUDIO_USER_TOKEN": administrator.token,
        }
    return env


if __name__ == "__main__":  # `make test` has it made while style and types are checked
    prepare_template(Path(sys.argv[1]).absolute())
