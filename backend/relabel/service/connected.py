"""A connected project with its policy and its classes: read once per event or request."""

import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from relabel.accounts import nearest
from relabel.catalogue.options import (
    OWN,
    check_evidence,
    check_options,
    check_score,
    check_selector,
    meant,
    names_of,
    options_of,
    shown,
)
from relabel.errors import ConfigurationError, LabelConfigError
from relabel.files import read_bytes
from relabel.former_keys import renamed
from relabel.labelstudio.labels import LabelSchema, check_abstention, parse_label_config
from relabel.policy import (
    POLICY_FILE,
    PRESETS,
    Policy,
    build_policy,
    parse_extra_params,
    parse_policy_file,
)
from relabel.settings import Settings
from relabel.storage.projects import Project

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connected:
    """What an event or a request works with from its beginning to its end.

    The three belong together: the policy is that of the project's extra params, the schema that of
    its labelling config under this policy.
    """

    project: Project
    policy: Policy
    schema: LabelSchema

    def now(self, project: Project) -> "Connected":
        """Return the same with the project as it stands now, of which the config has not changed.

        For what changes while an event is carried out: how far it was read, and the note.
        """
        return replace(self, project=project)


def open_connected(settings: Settings, project: Project) -> Connected:
    """Read and check the policy and the schema of a project.

    Raises:
        ConfigurationError: a key, a value or a name of the policy is wrong.
        LabelConfigError: the labelling config is not supported.

    """
    policy = policy_of(settings, project.extra_params)
    return Connected(project, policy, schema_of(project, policy))


def policy_of(settings: Settings, extra_params: object) -> Policy:
    """Return the policy of a project with these extra params.

    The file is read each time, since a change of it counts at once; what it says together with the
    params is checked once a process.

    Raises:
        ConfigurationError: a key, a value or a name is wrong.

    """
    file = settings.policy_file
    content = b"" if file is None else read_bytes(file, POLICY_FILE)
    check = _checked_before if isinstance(extra_params, str) else _checked
    return check(file, content, extra_params)


def _checked(file: Path | None, content: bytes, extra_params: object) -> Policy:
    deployed = {} if file is None else parse_policy_file(file, content)
    if file is not None:
        try:
            _check_names(build_policy(deployed))
        except ConfigurationError as error:
            raise ConfigurationError(f"{POLICY_FILE} = {file}: {error}") from error
    asked = parse_extra_params(extra_params)
    policy = build_policy(deployed, asked)
    _check_names(policy)
    for sentence in (*renamed(deployed), *renamed(asked)):
        log.warning("Policy key %s.", sentence)
    return policy


_checked_before = lru_cache(maxsize=64)(_checked)
"""The same, remembered: it depends on nothing else, since plug-ins stay what they are while a
process lives. What is refused is not remembered, so that it is refused each time."""


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
    check_evidence(policy.consensus, policy.score, selector, diversity)
    if policy.solo and policy.consensus != "majority":
        raise ConfigurationError(
            f'consensus = "{policy.consensus}" weighs several voices, and solo = true lets one '
            'person decide alone: use consensus = "majority", or solo = false.'
        )
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
