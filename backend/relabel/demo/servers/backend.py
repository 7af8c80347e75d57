"""The backend as a process of its own, set up as a user would set it up: by the environment."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from relabel.demo.servers import processes
from relabel.demo.servers.processes import Server
from relabel.errors import NotReadyError


@dataclass(frozen=True, slots=True)
class Backend:
    """How to run `relabel` against one Label Studio.

    data: its data folder; policy: TOML file; user, password: what requests to it must carry,
    empty = nothing; extra: further variables.
    """

    label_studio_url: str
    token: str
    data: Path
    port: int
    policy: Path | None = None
    user: str = ""
    password: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Address at which Label Studio reaches the backend."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def program(self) -> str:
        """The `relabel` command of the environment that runs now."""
        return str(Path(sys.executable).with_name("relabel"))

    def database(self) -> str:
        """Return the SQLAlchemy address of its store."""
        own = f"sqlite:///{(self.data / 'relabel.sqlite3').resolve()}"
        return self.extra.get("RELABEL_DATABASE_URL", own)

    def serve(self, *arguments: str) -> Server:
        """Start `relabel serve` and wait until it answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        processes.stop_leftover(self.data / "server.pid", self.program)
        server = processes.start(
            "relabel serve",
            [self.program, "serve", *arguments],
            url=self.url,
            log=self.data / "server.log",
            env=self.environment(),
        )
        (self.data / "server.pid").write_text(str(server.process.pid))
        return server

    def run(self, *arguments: str) -> str:
        """Run another `relabel` command to its end and return what it printed.

        Raises:
            NotReadyError: It failed; the message holds what it printed.
        """
        done = subprocess.run(  # noqa: S603 - the command is ours
            [self.program, *arguments],
            env={**processes.inherited(), **self.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            command = " ".join(("relabel", *arguments))
            last = processes.last_lines(done.stdout)
            raise NotReadyError(f"`{command}` failed ({done.returncode}):\n{last}")
        return done.stdout

    def status(self, project: int) -> dict[str, Any]:
        """Return what the backend says of a project."""
        auth = (self.user, self.password) if self.user else None
        with httpx.Client(trust_env=False, timeout=30.0, auth=auth) as client:
            answer = client.get(f"{self.url}/api/projects/{project}/status")
        if answer.is_error:
            raise NotReadyError(f"{answer.url} answered {answer.status_code}: {answer.text[:500]}")
        status: dict[str, Any] = answer.json()
        return status

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables."""
        env = {
            "HOME": str(self.data),
            "LABEL_STUDIO_URL": self.label_studio_url,
            "LABEL_STUDIO_API_KEY": self.token,
            "RELABEL_DATA_DIR": str(self.data),
            "RELABEL_PORT": str(self.port),
            "RELABEL_URL": self.url,
        }
        if self.user:
            env |= {"BASIC_AUTH_USER": self.user, "BASIC_AUTH_PASS": self.password}
        if self.policy is not None:
            env["RELABEL_POLICY_FILE"] = str(self.policy)
        return {**env, **self.extra}
