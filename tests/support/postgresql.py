"""A PostgreSQL server of the operating system's own package, for one session of tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MissingError(Exception):
    """There is no PostgreSQL here, or nobody who may run it."""


@contextmanager
def running_postgresql() -> Iterator[str]:
    """Yield the address of a new, empty server; it and its data are gone afterwards."""
    programs = _programs()
    user = _user()
    # Short and readable for the other user: addresses of sockets have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    shutil.chown(data, user)
    port = _free_port()
    try:
        _run(user, programs / "initdb", "-D", data, "-U", "relabel", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {data} -c fsync=off"
        options += " -c max_connections=1000"  # of a whole session of tests
        log = data / "server.log"
        _run(user, programs / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://relabel@127.0.0.1:{port}"
        finally:
            _run(user, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    in_path = shutil.which("initdb")
    if in_path:
        return Path(in_path).resolve().parent
    if not found:
        raise MissingError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


def _user() -> str:
    """PostgreSQL refuses to run as root."""
    me = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() != 0:
        return me
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise MissingError("PostgreSQL cannot run as root, and there is no user postgres")


def _run(user: str, *command: object) -> None:
    words = [str(word) for word in command]
    if os.getuid() == 0:
        words = ["runuser", "-u", user, "--", *words]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", check=False, timeout=60
    )
    if done.returncode:
        raise RuntimeError(f"{words} ended with {done.returncode}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
