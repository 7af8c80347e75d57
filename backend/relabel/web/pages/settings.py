"""What every setting and policy key is, says and does, as the settings page lists them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from relabel.former_keys import carried_over
from relabel.policy import PRESETS, Policy, parse_extra_params, read_policy_file
from relabel.settings import Settings

ADDRESSES = ("database_url", "label_studio_url", "url")
"""Settings that may hold a password within an address."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One key. source: where the value comes from."""

    name: str
    value: str
    default: str
    source: str
    description: str


def explain_policy(policy: Policy, settings: Settings, extra_params: str) -> list[Explained]:
    """Return every policy key with its value in this project."""
    layers = {
        "extra params in Label Studio": carried_over(parse_extra_params(extra_params)),
        "policy file": carried_over(read_policy_file(settings.policy_file)),
        f"preset {policy.preset}": PRESETS.get(policy.preset, {}),
    }
    return [
        Explained(
            name=name,
            value=_text(getattr(policy, name)),
            default=_default(info),
            source=_source(name, layers),
            description=info.description or "",
        )
        for name, info in Policy.model_fields.items()
    ]


def explain_settings(settings: Settings) -> list[Explained]:
    """Return every setting of the deployment; secrets only as set or not set."""
    return [
        Explained(
            name=f"RELABEL_{name.upper()}",
            value=_safe(name, getattr(settings, name)),
            default=_safe(name, info.default),
            source="environment" if name in settings.model_fields_set else "default",
            description=info.description or "",
        )
        for name, info in Settings.model_fields.items()
    ]


def _source(name: str, layers: Mapping[str, Mapping[str, Any]]) -> str:
    return next((source for source, keys in layers.items() if name in keys), "default")


def _default(info: FieldInfo) -> str:
    return _text(info.get_default(call_default_factory=True))


def _safe(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else "not set"
    if name in ADDRESSES and value:
        return _without_password(str(value))
    return _text(value)


def _without_password(address: str) -> str:
    try:
        return make_url(address).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return address.rsplit("@", 1)[-1]


def _text(value: Any) -> str:
    if value is None or value in ("", {}, ()):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _table(value) if isinstance(value, Mapping) else str(value)


def _table(values: Mapping[str, Any]) -> str:
    """Return a table as it is written in extra params."""
    keys = {key: key if key.isidentifier() else json.dumps(key) for key in values}
    return f"{{ {', '.join(f'{keys[key]} = {json.dumps(each)}' for key, each in values.items())} }}"
