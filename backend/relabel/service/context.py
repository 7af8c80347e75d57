"""The composition root: everything that a process needs, opened once from the settings."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from sqlalchemy import Engine

from relabel.accounts import nearest
from relabel.catalogue.options import (
    OWN,
    check_options,
    check_score,
    check_selector,
    meant,
    names_of,
    options_of,
    shown,
)
from relabel.errors import ConfigurationError, LabelConfigError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.labels import LabelSchema, check_abstention, parse_label_config
from relabel.policy import PRESETS, Policy, build_policy, parse_extra_params, read_policy_file
from relabel.service.device import try_in_process
from relabel.settings import Settings
from relabel.storage.database import clock, open_database, reading
from relabel.storage.projects import Project

log = logging.getLogger("relabel")


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
    trial: Callable[[str], str] = try_in_process

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


def policy_of(settings: Settings, extra_params: object) -> Policy:
    """Return the policy of a project with these extra params.

    Raises:
        ConfigurationError: a key, a value or a name is wrong.

    """
    deployed = read_policy_file(settings.policy_file)
    if settings.policy_file is not None:
        try:
            _check_names(build_policy(deployed))
        except ConfigurationError as error:
            raise ConfigurationError(
                f"RELABEL_POLICY_FILE = {settings.policy_file}: {error}"
            ) from error
    policy = build_policy(deployed, parse_extra_params(extra_params))
    _check_names(policy)
    return policy


def _check_names(policy: Policy) -> None:
    for key in OWN:
        name, known = getattr(policy, key), names_of(key)
        if name not in known:
            raise ConfigurationError(
                f"Policy key {key} = {shown(name)}: choose one of {', '.join(sorted(known))}."
                f"{meant(name, known)}"
            )
    selector, diversity = policy.selector, policy.diversity
    check_selector(selector, policy.selector_options)
    check_score(policy.score, selector, policy.selector_options)
    known_options = options_of("diversity", diversity)
    check_options("Diversity", diversity, policy.diversity_options, known_options)
    for key in ("score", "encoder"):
        options_of(key, getattr(policy, key))  # a plug-in that cannot be used is told here


def schema_of(project: Project, policy: Policy) -> LabelSchema:
    """Return the classes of a project under its policy.

    Raises:
        LabelConfigError: the labelling config is not supported.
        ConfigurationError: the policy's `classes` name a choice that there is not.

    """
    schema = parse_label_config(
        project.label_config, policy.choices, policy.image, policy.cannot_tell
    )
    _check_classes(policy, schema)
    return schema


def check_cannot_tell(policy: Policy, schema: LabelSchema) -> None:
    """Refuse a policy whose abstention nobody can choose.

    Raises:
        LabelConfigError: names the choice, and the preset if that asks for it.

    """
    try:
        check_abstention(schema, policy.cannot_tell)
    except LabelConfigError as error:
        preset, choice = policy.preset, policy.cannot_tell
        if PRESETS.get(preset, {}).get("cannot_tell") != choice:
            raise
        raise LabelConfigError(
            f'preset = "{preset}" lets people abstain by the choice "{choice}": {error} Add '
            f'<Choice value="{choice}"/> to the labelling config, or set cannot_tell to the choice '
            f'that you have, or to "" for none.'
        ) from error


def _check_classes(policy: Policy, schema: LabelSchema) -> None:
    known = [*schema.classes, *([policy.cannot_tell] if policy.cannot_tell else [])]
    for value, name in policy.classes.items():
        entry = f'Policy key classes: "{value}" = "{name}"'
        if name not in known:
            meant = nearest(name, known)
            raise ConfigurationError(
                f"{entry}: {name!r} is no choice of the labelling config ({', '.join(known)})"
                + (f"; did you mean {meant!r}?" if meant else ".")
            )
        if value in known:
            raise ConfigurationError(
                f"{entry}: {value!r} is a choice of the labelling config itself; name only values "
                f"that are none ({', '.join(known)})."
            )
