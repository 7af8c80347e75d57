"""The tags of a labelling config, read as Label Studio's editor reads them.

The editor takes names of tags and attributes in any case, and text inside a tag for its value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from xml.etree.ElementTree import Element, ParseError  # defusedxml parses  # nosec B405

from defusedxml import DTDForbidden
from defusedxml.ElementTree import fromstring

from relabel.errors import LabelConfigError


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """One tag. kind: its name, as written; attributes: by name in lower case."""

    kind: str
    attributes: Mapping[str, str]
    parent: "Tag | None" = None
    children: list["Tag"] = field(default_factory=list)

    def __str__(self) -> str:
        return f'<{self.kind} name="{self.name}">' if self.name else f"<{self.kind}>"

    @property
    def name(self) -> str:
        """Its name attribute, "" = none."""
        return self.attributes.get("name", "")

    def get(self, attribute: str) -> str:
        """Return an attribute, whatever the case of its name; "" = it is not there."""
        return self.attributes.get(attribute.lower(), "")

    def has(self, attribute: str) -> bool:
        """Return whether an attribute stands there, be it empty."""
        return attribute.lower() in self.attributes

    def on(self, attribute: str) -> bool:
        """Return whether an attribute is set to anything but false."""
        return self.get(attribute).lower() not in ("", "false")

    def is_a(self, kind: str) -> bool:
        """Return whether the tag is of this kind, in any case."""
        return self.kind.lower() == kind.lower()

    def above(self) -> Iterator["Tag"]:
        """Yield the tags that hold this one, from the inside out."""
        tag = self.parent
        while tag is not None:
            yield tag
            tag = tag.parent

    def within(self, kind: str) -> "Tag | None":
        """Return the nearest tag of a kind that holds this one."""
        return next((tag for tag in self.above() if tag.is_a(kind)), None)


def read_tags(config: str) -> list[Tag]:
    """Return all tags of a labelling config, in its order.

    Raises:
        LabelConfigError: it is no XML, or declares a document type.

    """
    try:
        root: Element = fromstring(config, forbid_dtd=True)
    except DTDForbidden as error:
        # Entities may stand for files, or grow without end; no labelling config needs them.
        raise LabelConfigError("The labelling config declares a document type.") from error
    except (ParseError, ValueError) as error:
        raise LabelConfigError(f"The labelling config cannot be read: {error}.") from error
    made = {root: _tag(root, None)}
    for element in root.iter():
        for child in element:
            made[child] = _tag(child, made[element])
            made[element].children.append(made[child])
    return [made[element] for element in root.iter()]


def _tag(element: Element, parent: Tag | None) -> Tag:
    attributes = {name.lower(): value for name, value in element.attrib.items()}
    text = (element.text or "").strip()
    if text and not len(element):
        attributes["value"] = escape(text, quote=False)  # the editor leaves it escaped
    return Tag(element.tag, attributes, parent)
