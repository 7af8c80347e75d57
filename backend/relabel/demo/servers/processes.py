"""Server processes that live as long as the demo or one test session, and not longer."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from relabel.errors import NotReadyError

INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
"""What a server takes over from our environment; any other variable could reconfigure it."""

STOP_SECONDS = 10.0
POLL_SECONDS = 0.1
LINES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: how to reach it, how to stop it, and where it logs."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End the server and every process it started; a second call does nothing."""
        _signal_group(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _signal_group(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def kill(self) -> None:
        """End the server and every process it started at once, as a power cut would."""
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()


def start(
    name: str,
    command: Sequence[str],
    *,
    url: str,
    log: Path,
    env: Mapping[str, str],
    health_path: str = "/health",
    seconds: float = 600.0,
) -> Server:
    """Start `command` in a process group of its own and wait until it answers.

    Args:
        name: What messages call it.
        command: Program and arguments.
        url: Where it will answer.
        log: File that its output is appended to.
        env: Its whole environment, besides `INHERITED`.
        health_path: Answers 200 once the server is ready.
        seconds: How long to wait for that.

    Raises:
        NotReadyError: It ended or did not answer in time; the message ends with its last lines.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - the command is ours
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**inherited(), **env},
            start_new_session=True,  # so that Ctrl-C reaches us alone, and the group can be killed
        )
    server = Server(name, url, process, log)
    try:
        _wait_until_healthy(server, health_path, seconds)
    except BaseException:
        server.stop()
        raise
    return server


def inherited() -> dict[str, str]:
    """Return the part of our environment that a server takes over."""
    return {key: os.environ[key] for key in INHERITED if key in os.environ}


def free_port(wanted: int) -> int:
    """Return `wanted` if nothing listens there on loopback, else some free port."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise NotReadyError("No free port on 127.0.0.1; close some programs and try again.")


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock file, which ends with this process however it ends.

    Raises:
        NotReadyError: Another process holds it.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReadyError(
                f"Another process already uses {lock.parent}: stop it, or take another folder."
            ) from None
        yield


def stop_leftover(pid_file: Path, mark: str) -> None:
    """End the server of an earlier run that was killed before it could clean up.

    Args:
        pid_file: Where that run wrote the server's process id; removed afterwards.
        mark: Text that the command line of that server contains, since ids are reused.
    """
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    if mark in _command_of(pid):
        _signal_group(pid, signal.SIGKILL)
    pid_file.unlink()


def _command_of(pid: int) -> str:
    """Return the command line of a process; empty = there is none."""
    if Path("/proc/self").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        return ""
    command = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603


def _wait_until_healthy(server: Server, health_path: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise NotReadyError(
                    f"{server.name} ended with status {server.process.returncode} while starting. "
                    f"{_end_of_log(server)}"
                )
            try:
                if client.get(server.url + health_path).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(POLL_SECONDS)
    raise NotReadyError(
        f"{server.name} did not answer at {server.url}{health_path} within {seconds:.0f} s. "
        f"{_end_of_log(server)}"
    )


def _end_of_log(server: Server) -> str:
    end = last_lines(server.log.read_text(errors="replace"))
    return f"Its log, {server.log}, ends with:\n{end}"


def last_lines(text: str) -> str:
    """Return the end of a program's output, indented, as messages show it."""
    return "\n".join(f"  {line}" for line in text.splitlines()[-LINES_SHOWN:])


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
