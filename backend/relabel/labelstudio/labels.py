"""From a labelling config to the classes that can be cleaned."""

import re
from dataclasses import dataclass
from functools import lru_cache

from label_studio_sdk.label_interface.interface import LabelInterface

from relabel.errors import LabelConfigError

SUPPORTED = "Supported: one <Image> and one single-choice <Choices> with at least two <Choice> tags"


_DECLARATION = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LabelSchema:
    """The part of a labelling config that is cleaned.

    classes: names as they stand in annotations, in the config's order; image_key: the field of
    task.data that holds the image; required: whether an empty submit is refused by Label Studio.
    """

    classes: tuple[str, ...]
    from_name: str
    to_name: str
    image_key: str
    required: bool


@lru_cache(maxsize=64)
def parse_label_config(
    config: str, choices: str = "", image: str = "", cannot_tell: str = ""
) -> LabelSchema:
    """Find the image and its classes.

    Args:
        config: XML of the labelling config.
        choices: name of the Choices tag, where there are several.
        image: name of the Image tag, where there are several.
        cannot_tell: choice that is an abstention and no class, "" = none.

    Raises:
        LabelConfigError: says what is supported and what to change.

    """
    if not config.strip():
        raise LabelConfigError(f"The labelling config is empty. {SUPPORTED}.")
    if _DECLARATION.search(config):
        # Entities may stand for files, or grow without end; no labelling config needs them.
        raise LabelConfigError(f"The labelling config declares a document type. {SUPPORTED}.")
    try:
        interface = LabelInterface(config)
    except Exception as error:
        # The parser raises many kinds of errors, down to bare Exception.
        raise LabelConfigError(
            f"The labelling config cannot be read: {error}. {SUPPORTED}."
        ) from error
    control = _pick(
        [c for c in interface.controls if c.tag == "Choices"], choices, "Choices", "choices"
    )
    picture = _pick([o for o in interface.objects if o.tag == "Image"], image, "Image", "image")
    value = picture.value or ""
    classes = tuple(name for name in control.labels if name != cannot_tell)
    problems = [
        text
        for wrong, text in (
            (picture.name not in (control.to_name or []), f'toName must be "{picture.name}"'),
            (control.attr.get("choice", "single") == "multiple", 'use choice="single-radio"'),
            (control.attr.get("perRegion") == "true", "perRegion is not supported"),
            (bool(control.dynamic_value), "write the classes as <Choice> tags, not from task data"),
            (not value.startswith("$") or len(value) < 2, 'the Image needs value="$field"'),
            (len(classes) < 2, "at least two classes are needed"),
        )
        if wrong
    ]
    if problems:
        raise LabelConfigError(
            f'<Choices name="{control.name}">: {"; ".join(problems)}. {SUPPORTED}.'
        )
    return LabelSchema(
        classes=classes,
        from_name=control.name,
        to_name=picture.name,
        image_key=value.removeprefix("$"),
        required=control.attr.get("required") == "true",
    )


def _pick(tags: list, wanted: str, kind: str, key: str):  # type: ignore[no-untyped-def, type-arg]  # noqa: ANN202  the SDK's tag classes
    named = [tag for tag in tags if not wanted or tag.name == wanted]
    if len(named) == 1:
        return named[0]
    names = ", ".join(tag.name for tag in tags) or "none"
    if wanted:
        raise LabelConfigError(
            f'No <{kind} name="{wanted}"> in the labelling config; found: {names}.'
        )
    if not tags:
        raise LabelConfigError(f"The labelling config has no <{kind}> tag. {SUPPORTED}.")
    raise LabelConfigError(
        f"The labelling config has several <{kind}> tags ({names}). Name the one to clean in the "
        f'backend\'s extra params: {key} = "{tags[0].name}"'
    )
