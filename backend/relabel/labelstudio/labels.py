"""From a labelling config to the classes that can be cleaned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from relabel.accounts import nearest
from relabel.errors import LabelConfigError
from relabel.labelstudio.controls import (
    SEPARATOR,
    Path,
    class_names,
    condition_of,
    notes_on,
    paths_of,
    problems_of,
)
from relabel.labelstudio.images import VARIABLE, ShownImage, first_field, shown_image
from relabel.labelstudio.tags import Tag, read_tags

IMAGE_TAG = "Image"
SUPPORTED = "Supported: one <Image> and one single-choice <Choices> with at least two <Choice> tags"


@dataclass(frozen=True, slots=True)
class LabelSchema:
    """The part of a labelling config that is cleaned.

    classes: names as they stand in annotations, in the config's order; image_key: the field of
    task.data that holds the image, or where the way to it begins; required: whether an empty
    submit is refused by Label Studio while the tag is shown; image: what the Image tag reads,
    such as "$image"; image_attribute: where that is written; names: class by the path of choices
    that leads to it, the abstention included; nested, per_item: how a result must be written;
    condition: when the tag is shown, "" = always; notes: what is good to know before connecting.
    """

    classes: tuple[str, ...]
    from_name: str
    to_name: str
    image_key: str
    required: bool
    image: str = ""
    image_attribute: str = "value"
    names: Mapping[Path, str] = field(default_factory=dict, hash=False)
    nested: bool = False
    per_item: bool = False
    condition: str = ""
    notes: tuple[str, ...] = ()

    def shown(self, data: Mapping[str, Any]) -> ShownImage:
        """Return the image that a task with this data shows."""
        return shown_image(data, self.image or f"${self.image_key}", self.image_attribute)

    def name_of(self, path: Path) -> str:
        """Return what a path of choices is called: its last one, unless several end in that."""
        known = self.names.get(path)
        if known is not None:
            return known
        several = any(p[-1] == path[-1] != name for p, name in self.names.items())
        return SEPARATOR.join(path) if several else path[-1]

    def result(self, label: str) -> dict[str, Any]:
        """Return the entry of an annotation's result that chooses a class, as the editor does."""
        path = next((path for path, name in self.names.items() if name == label), (label,))
        entry: dict[str, Any] = {
            "from_name": self.from_name,
            "to_name": self.to_name,
            "type": "choices",
            "value": {"choices": [list(path) if self.nested else label]},
        }
        return entry | ({"item_index": 0} if self.per_item else {})


@lru_cache(maxsize=64)
def parse_label_config(
    config: str, choices: str = "", image: str = "", cannot_tell: str = ""
) -> LabelSchema:
    """Find the image and its classes.

    Args:
        config: XML of the labelling config.
        choices: name of the Choices tag, where several can be cleaned.
        image: name of the Image tag, where there are several.
        cannot_tell: choice that is an abstention and no class, "" = none.

    Raises:
        LabelConfigError: names the tag, its attribute, what is supported and what to change.

    """
    if not config.strip():
        raise LabelConfigError(f"The labelling config is empty. {SUPPORTED}.")
    try:
        tags = read_tags(config)
    except LabelConfigError as error:
        raise LabelConfigError(f"{error} {SUPPORTED}.") from error
    controls = _controls(tags)
    picture = _picture(tags, image, controls)
    control = _control(controls, choices, picture)
    names = class_names(paths_of(control))
    classes = tuple(name for name in names.values() if name != cannot_tell)
    if len(classes) < 2:
        raise _refused(control, ["at least two classes are needed"])
    attribute = _attribute(picture)
    others = [str(tag) for tag in controls if tag is not control]
    left = [f"what is chosen in {', '.join(others)} is left as it is"] if others else []
    return LabelSchema(
        classes=classes,
        from_name=control.name,
        to_name=picture.name,
        image_key=first_field(picture.get(attribute)),
        required=control.on("required"),
        image=picture.get(attribute),
        image_attribute=attribute,
        names=names,
        nested=control.on("allowNested"),
        per_item=control.on("perItem"),
        condition=condition_of(control),
        notes=(*notes_on(control), *left),
    )


def check_abstention(schema: LabelSchema, cannot_tell: str) -> None:
    """Refuse an abstention that nobody can choose; of one that could be chosen once, answers stay.

    Args:
        schema: of `parse_label_config`.
        cannot_tell: the choice, "" = none.

    Raises:
        LabelConfigError: names the choice and what it may have meant.

    """
    names = tuple(schema.names.values())
    if not cannot_tell or cannot_tell in names:
        return
    hint = nearest(cannot_tell, names)
    meant = f'did you mean "{hint}"?' if hint else f"it has {', '.join(names)}."
    tag = f'<Choices name="{schema.from_name}">'
    raise LabelConfigError(f'cannot_tell = "{cannot_tell}" is no choice of {tag}: {meant}')


def _controls(tags: Sequence[Tag]) -> list[Tag]:
    controls = [tag for tag in tags if tag.is_a("Choices")]
    if not controls:
        others = ", ".join(str(tag) for tag in tags if tag.has("toName"))
        asked = f" (it asks for {others})" if others else ""
        raise LabelConfigError(f"The labelling config has no <Choices> tag{asked}. {SUPPORTED}.")
    return controls


def _picture(tags: Sequence[Tag], wanted: str, controls: Sequence[Tag]) -> Tag:
    """Return the Image tag that is named, or the only one."""
    pictures = [tag for tag in tags if tag.is_a(IMAGE_TAG)]
    fit = [tag for tag in pictures if any(not problems_of(c, tag) for c in controls)]
    if len(pictures) > 1 and not wanted and not fit:
        raise _none_fits(controls, pictures)
    picture = _named(pictures, wanted, IMAGE_TAG, "image", fit)
    attribute = _attribute(picture)
    value = picture.get(attribute)
    if picture.within("Repeater"):
        raise _refused(picture, ["it stands in <Repeater>: several images per task"])
    if not VARIABLE.search(value):
        text = f'{attribute}="{value}" names no field of the tasks: it needs {attribute}="$field"'
        raise _refused(picture, [text])
    return picture


def _attribute(picture: Tag) -> str:
    """Return where it is written what an Image tag shows: the editor reads a list first."""
    return "valueList" if picture.has("valueList") else "value"


def _control(controls: Sequence[Tag], wanted: str, picture: Tag) -> Tag:
    """Return the tag to clean: the one that is named, or the only one that can be cleaned."""
    fit = [tag for tag in controls if not problems_of(tag, picture)]
    if not wanted and len(fit) == 1:
        return fit[0]
    if not wanted and not fit:
        raise _none_fits(controls, [picture])
    control = _named(controls, wanted, "Choices", "choices", fit)
    if control not in fit:
        raise _refused(control, problems_of(control, picture))
    return control


def _named(tags: Sequence[Tag], wanted: str, kind: str, key: str, fit: Sequence[Tag]) -> Tag:
    """Return the tag of that name, or the only one; `fit` are those that could be named."""
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
        f'backend\'s extra params: {key} = "{(fit or tags)[0].name}"'
    )


def _none_fits(controls: Sequence[Tag], pictures: Sequence[Tag]) -> LabelConfigError:
    """Return the error that names each Choices tag with what is wrong with it."""
    reasons = []
    for control in controls:
        about = next((tag for tag in pictures if tag.name == control.get("toName")), pictures[0])
        reasons.append(f"{control}: {', '.join(problems_of(control, about))}")
    return LabelConfigError(f"{'; '.join(reasons)}. {SUPPORTED}.")


def _refused(tag: Tag, problems: Iterable[str]) -> LabelConfigError:
    return LabelConfigError(f"{tag}: {'; '.join(problems)}. {SUPPORTED}.")
