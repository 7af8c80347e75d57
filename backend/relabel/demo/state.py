"""What the demo remembers between runs: ports, accounts, and how far it got."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from relabel.demo.accounts import Account, new_password
from relabel.demo.servers.label_studio import Administrator
from relabel.errors import ConfigurationError
from relabel.files import read_json, told

BACKEND_USER = "label-studio"


@dataclass(slots=True)
class DemoState:
    """Kept in one file that only its owner may read, since it holds passwords.

    project: 0 until the project holds every task; connected_to: address of the backend that the
    project is connected to, empty = none yet.
    """

    path: Path
    label_studio_port: int
    backend_port: int
    administrator: Administrator
    backend_password: str
    original_labels: int = 0
    annotators: list[Account] = field(default_factory=list)
    project: int = 0
    connected_to: str = ""

    @classmethod
    def open(cls, path: Path, label_studio_port: int, backend_port: int) -> Self:
        """Read the file, or begin anew with these ports and fresh passwords.

        Raises:
            ConfigurationError: the file is damaged.

        """
        if not path.exists():
            admin = Administrator("admin@example.com", new_password(), secrets.token_hex(20))
            return cls(path, label_studio_port, backend_port, admin, new_password())
        values = read_json(path)
        try:
            values["path"] = path
            values["administrator"] = Administrator(**values["administrator"])
            values["annotators"] = [Account(**person) for person in values["annotators"]]
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{told(path)} is not what the demo wrote; remove its folder to begin anew."
            ) from error

    def save(self) -> None:
        """Write the file; a reader sees either the old or the new one."""
        values = asdict(self)
        del values["path"]
        draft = self.path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(values, indent=2))
        draft.replace(self.path)
