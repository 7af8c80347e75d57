"""What is done with the labels: encoder, selector, score, consensus, budget, queue.

A project's policy is, in this order of precedence: the keys written into *extra params* of the ML
backend in Label Studio's settings, the TOML file named by RELABEL_POLICY_FILE, the defaults.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from relabel.catalogue.options import meant, shown
from relabel.errors import ConfigurationError
from relabel.files import decode_text, named, read_bytes, told
from relabel.former_keys import carried_over

POLICY_FILE = "RELABEL_POLICY_FILE"


class Policy(BaseModel):
    """The science of one project; frozen, typed, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    choices: str = Field(
        default="",
        description="Name of the <Choices> tag to clean, where the labelling config has several.",
    )
    image: str = Field(
        default="", description="Name of the <Image> tag, where the labelling config has several."
    )
    preset: Literal["", "quick", "careful", "medical"] = Field(
        default="", description="Starting point for the other keys; what you set yourself wins."
    )
    initial: str = Field(
        default="annotations",
        pattern=r"^(annotations|predictions:.+|data:.+)$",
        description="Where the labels to clean are besides annotations: annotations (nowhere "
        "else), predictions:VERSION, or data:FIELD of the tasks.",
    )
    cannot_tell: str = Field(
        default="", description="Choice that means no class can be told: an abstention, no label."
    )
    classes: dict[str, str] = Field(
        default_factory=dict,
        description="Other values that labels have, and the choice that each stands for, such as "
        '{"Dog" = "dog"}: in annotations, predictions and data fields alike.',
    )
    encoder: str = Field(
        default="resnet18", description="What turns an image into a vector (tiny needs no weights)."
    )
    encoder_weights: Path | None = Field(
        default=None, description="Local weights file, for machines without network."
    )
    image_size: int = Field(
        default=0,
        ge=0,
        le=512,
        description="Pixels per side for selectors that train a network on the images themselves; "
        "0 = they get the encoder's vectors only.",
    )
    selector: str = Field(
        default="linear", description="What learns class probabilities from the noisy labels."
    )
    selector_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of that selector, by name."
    )
    warm_start: bool = Field(
        default=False,
        description="Networks go on from the weights of the last round, for a part of the epochs, "
        "instead of starting afresh.",
    )
    score: str = Field(default="tiered_phi", description="What ranks the tasks.")
    diversity: str = Field(
        default="none", description="What spreads the head of the ranking over the data."
    )
    diversity_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the diversity mode, by name."
    )
    tie_rule: Literal["lowest", "current"] = Field(
        default="current",
        description="Label of a tied task: current = the one it had before; lowest = the class "
        "that comes first in the labelling config.",
    )
    consensus: Literal["majority", "posterior"] = Field(
        default="majority",
        description="What settles a task: majority = a strict majority of people; posterior = "
        "people and the model, so that one person and the model can be enough.",
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="How certain the likeliest class has to be to settle a task where consensus = "
        "posterior; at least one person has voted in any case.",
    )
    max_votes: int = Field(
        default=10,
        ge=2,
        le=100,
        description="Answers after which a task without a majority is ambiguous, those without a "
        "vote included.",
    )
    solo: bool = Field(
        default=False,
        description="One person works alone: one vote confirms or replaces the label at once, "
        "and the export says that there was no second opinion.",
    )
    overwritten: Literal["editor", "author", "ignore"] = Field(
        default="editor",
        description="Whose vote an annotation is that somebody else has changed.",
    )
    queue: Literal["window", "view"] = Field(
        default="window",
        description="window: open tasks one by one for the plain label button; view: leave all "
        "overlaps alone and order the Data Manager tab only.",
    )
    audit_share: float = Field(
        default=0.05,
        ge=0,
        le=0.5,
        description="Share of the votes that go to random tasks, each until two new people agree: "
        "what unbiased figures rest on.",
    )
    stop_when: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field(
        default_factory=dict,
        description="When the queue closes by itself: { found = 0.9 } once the audit shows, with "
        "95 % confidence, that this share of the wrong labels is found; { yield = 0.05 } once "
        "fewer than this share of the last 50 finished tasks were wrong; { budget = 500 } once so "
        "many votes are spent, as the key budget. Several: whichever comes first.",
    )
    budget: int | None = Field(
        default=None, ge=1, description="Votes to spend in all; none = no limit."
    )
    split: str = Field(
        default="",
        description="Field of the task data that says which split a task belongs to, such as train "
        "or test: the evaluation split is cleaned first, apart from the rest; none = all at once.",
    )
    evaluation: tuple[str, ...] = Field(
        default=("test", "val", "validation"),
        min_length=1,
        description="Values of that field that make the evaluation split.",
    )
    evaluation_budget: int | None = Field(
        default=None,
        ge=1,
        description="Votes of the budget for the evaluation split; none = no limit of its own.",
    )
    window: int = Field(
        default=50, ge=1, le=5000, description="Untouched tasks kept open in Label Studio's queue."
    )
    retrain_after: int = Field(
        default=50, ge=1, description="New votes after which the next round starts."
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything random in a round.")

    @field_validator("stop_when")
    @classmethod
    def _check_reasons(cls, reasons: dict[str, float]) -> dict[str, float]:
        if set(reasons) - {"found", "yield"}:
            raise PydanticCustomError(
                "stop_when",
                "it knows found, yield and budget: "
                "stop_when = { found = 0.9, yield = 0.05, budget = 500 }",
            )
        return reasons

    def digest(self) -> str:
        """Eight hexadecimal digits that change whenever any key does."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def parse_extra_params(text: Any) -> dict[str, Any]:
    """Read Label Studio's *extra params*: nothing, a mapping, or one string of JSON or TOML.

    Raises:
        ConfigurationError: the text is neither.

    """
    if text is None or text == "":
        return {}
    if isinstance(text, Mapping):
        return dict(text)
    if not isinstance(text, str):
        raise ConfigurationError(
            f"Extra params: expected key = value lines or a JSON object, got {shown(text)}."
        )
    stripped = text.removeprefix("\ufeff").strip()
    if not stripped:
        return {}
    loads = json.loads if stripped.startswith("{") else tomllib.loads
    try:
        return dict(loads(stripped))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"Extra params: not readable ({_said(error, stripped)}); write lines such as  "
            'window = 50  or a JSON object such as {"window": 50}.'
        ) from error


def read_policy_file(path: Path | None) -> dict[str, Any]:
    """Read the deployment's policy keys from a TOML file; none = no keys.

    Raises:
        ConfigurationError: naming the file, the line and what is wrong with it.

    """
    return {} if path is None else parse_policy_file(path, read_bytes(path, POLICY_FILE))


def parse_policy_file(path: Path, content: bytes) -> dict[str, Any]:
    """Return the policy keys that the content of a TOML file gives.

    Raises:
        ConfigurationError: naming the file, the line and what is wrong with it.

    """
    text = decode_text(content, named(path, POLICY_FILE))
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{named(path, POLICY_FILE)}: {_said(error, text)}.") from error


def _said(error: Exception, text: str) -> str:
    """Return what is wrong with a text of TOML or JSON, with the line that is wrong."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    place = re.search(r"line (\d+)", str(error))
    lines = text.splitlines()
    found = int(place[1]) - 1 if place else len(lines)
    line = f": {shown(lines[found].strip())}" if found < len(lines) else ""
    if str(error).startswith("Exceeds the limit"):
        return "a number is too long"
    hint = '; text stands in "quotes"' if str(error).startswith("Invalid value") else ""
    return f"{error}{line}{hint}"


def _with_budget(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of one place with the budget of `stop_when` as the key of its own that it is.

    Raises:
        ConfigurationError: it stands there twice.

    """
    reasons = keys.get("stop_when")
    if not isinstance(reasons, Mapping) or "budget" not in reasons:
        return dict(keys)
    if "budget" in keys:
        raise ConfigurationError(
            f"Policy key budget = {shown(keys['budget'])}: stop_when gives one beside it; take one "
            f"of them out."
        )
    others = {name: value for name, value in reasons.items() if name != "budget"}
    return {**keys, "stop_when": others, "budget": reasons["budget"]}


PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"encoder": "mobilenet_v2", "max_votes": 3, "window": 30, "retrain_after": 100},
    "careful": {"max_votes": 10, "audit_share": 0.1, "retrain_after": 50, "confidence": 0.99},
    "medical": {"score": "ce", "max_votes": 7, "audit_share": 0.1, "cannot_tell": "cannot tell"},
}
"""What each preset sets: quick saves votes on hopeless tasks, careful measures more; medical suits
few classes, where the entropy term hardly matters (Bernhardt et al. 2022), with abstaining."""


def build_policy(*layers: Mapping[str, Any]) -> Policy:
    """Merge the layers, later ones winning, and check every key and value.

    Raises:
        ConfigurationError: naming key, value, what is allowed, and the known keys.

    """
    explicit: dict[str, Any] = {}
    for layer in layers:
        explicit.update(_with_budget(carried_over(layer)))
    merged = dict(PRESETS.get(str(explicit.get("preset", "")), {})) | explicit
    unknown = sorted(set(merged) - set(Policy.model_fields))
    if unknown:
        key, known = unknown[0], ", ".join(sorted(Policy.model_fields))
        raise ConfigurationError(
            f"Unknown policy key {told(key)} = {shown(merged[key])}. Known keys: {known}."
            f"{meant(key, Policy.model_fields)}"
        )
    try:
        return Policy(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        key = told(".".join(map(str, first["loc"])))
        raise ConfigurationError(
            f"Policy key {key} = {shown(first['input'])}: {first['msg']}."
        ) from error
