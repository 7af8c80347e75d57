"""The composition root: everything that a process needs, opened once from the settings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from sqlalchemy import Engine

from relabel.labelstudio.client import LabelStudio
from relabel.service.device import Tried, try_in_process
from relabel.settings import Settings
from relabel.storage.database import clock, open_database, reading


@dataclass(frozen=True, slots=True)
class Context:
    """Settings, store and Label Studio, handed to every use case.

    newest: of each project, the latest change that this process has read after a hint; hub: whom
    to ask whether an encoder's weights can be had; trial: tries a device and says what it is.
    """

    settings: Settings
    engine: Engine
    label_studio: LabelStudio
    newest: dict[int, str] = field(default_factory=dict)
    hub: Callable[..., Any] = urlopen
    trial: Callable[[str], Tried] = try_in_process

    def folder(self, project_id: int) -> Path:
        """Folder of one project's rounds."""
        return self.settings.data_dir / "projects" / str(project_id)

    def now(self) -> float:
        """Return the store's own time, Unix seconds."""
        with reading(self.engine) as connection:
            return clock(connection)

    def close(self) -> None:
        """Close all connections."""
        self.label_studio.close()
        self.engine.dispose()


def open_context(settings: Settings) -> Context:
    """Open store and Label Studio client; nothing is sent yet.

    Raises:
        ConfigurationError: a setting is missing or wrong.

    """
    return Context(
        settings=settings,
        engine=open_database(settings.database()),
        label_studio=LabelStudio(
            settings.label_studio_url,
            settings.api_key(),
            timeout_seconds=settings.request_timeout_seconds,
            ca_bundle=settings.ca_bundle,
        ),
    )
