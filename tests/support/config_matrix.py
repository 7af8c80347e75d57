"""Labelling configs as people have them, and which labels and images must be read of their tasks.

The results are what Label Studio's editor submitted when the choices were clicked in it; where
somebody's import differs from that, the note says so. Tasks stand as (data, result, label): the
label that must be read, None = no vote.
"""

from dataclasses import dataclass
from typing import Any

A, B, C = "/data/upload/1/a.png", "/data/upload/1/b.png", "/data/upload/1/c.png"
PETS = '<Choice value="cat"/><Choice value="dog"/>'
IMAGE = '<Image name="image" value="$image"/>'
TREE = (
    '<Choice value="animal"><Choice value="cat"/><Choice value="dog"/></Choice>'
    '<Choice value="thing"><Choice value="car"/></Choice><Choice value="none"/>'
)


@dataclass(frozen=True)
class Case:
    """One labelling config.

    tasks: (data, result, label) each; images: the addresses that must be read, "" = none; refused:
    what the refusal must say, () = the config is read; params: policy keys; hosted: whether Label
    Studio itself accepts the config.
    """

    config: str
    tasks: tuple[tuple[dict[str, Any], list[dict[str, Any]], str | None], ...] = ()
    images: tuple[str, ...] = (A, B)
    classes: tuple[str, ...] = ("cat", "dog")
    refused: tuple[str, ...] = ()
    params: str = ""
    hosted: bool = True

    def bodies(self) -> list[dict[str, Any]]:
        """Return the tasks as they are imported."""
        return [{"data": data, "annotations": [{"result": r}]} for data, r, _ in self.tasks]

    def labels(self) -> list[str]:
        """Return the label of every task that has one, in order of tasks."""
        return [label for *_, label in self.tasks if label is not None]


def choices(inner: str = PETS, name: str = "label", **attributes: str) -> str:
    """Return a Choices tag."""
    text = "".join(f' {k}="{v}"' for k, v in ({"toName": "image"} | attributes).items())
    return f'<Choices name="{name}"{text}>{inner}</Choices>'


def image(**attributes: str) -> str:
    """Return an Image tag."""
    text = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<Image name="image"{text}/>'


def view(*tags: str) -> str:
    """Return a labelling config."""
    return f"<View>{''.join(tags)}</View>"


def chosen(*values: Any, name: str = "label", **more: Any) -> list[dict[str, Any]]:
    """Return a result that holds these choices."""
    entry = {"from_name": name, "to_name": "image", "type": "choices"}
    return [entry | {"value": {"choices": list(values)}} | more]


def pets(*values: Any, **more: Any) -> tuple[Any, ...]:
    """Return two tasks, the first a cat and the second a dog, each written as given."""
    first, second = values or ("cat", "dog")
    return (
        ({"image": A}, chosen(first, **more), "cat"),
        ({"image": B}, chosen(second, **more), "dog"),
    )


def shown(first: dict[str, Any], second: dict[str, Any], **more: Any) -> tuple[Any, ...]:
    """Return two tasks with this data, a cat and a dog."""
    return ((first, chosen("cat", **more), "cat"), (second, chosen("dog", **more), "dog"))


BOX = {
    "from_name": "box",
    "to_name": "image",
    "type": "rectanglelabels",
    "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["ear"]},
}
BOXES = '<RectangleLabels name="box" toName="image"><Label value="ear"/></RectangleLabels>'
SIDE = '<Choice value="left"/><Choice value="right"/>'
ODD = ("😀 猫,犬", "nan", " lead", "1.0", "=SUM(A1)", 'a & b < "c"')


def named(*names: str) -> str:
    """Return Choice tags of these names, as they are written in XML."""
    escaped = [n.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;") for n in names]
    return "".join(f'<Choice value="{name}"/>' for name in escaped)


READ: dict[str, Case] = {
    # -- as in Label Studio's own templates ---------------------------------------------------
    "a single choice, said by nothing": Case(view(IMAGE, choices()), pets()),
    "single": Case(view(IMAGE, choices(choice="single", showInline="true")), pets()),
    "single-radio, required": Case(
        view(IMAGE, choices(choice="single-radio", required="true", requiredMessage="!")), pets()
    ),
    "drop-down list": Case(view(IMAGE, choices(layout="select")), pets()),
    "boxes beside": Case(
        view(IMAGE, BOXES, choices()),
        (
            ({"image": A}, [BOX, *chosen("cat")], "cat"),
            ({"image": B}, [*chosen("dog"), BOX], "dog"),
            ({"image": C}, [BOX], None),
        ),
        images=(A, B, C),
    ),
    "text, rating and headers beside": Case(
        view(
            '<Header value="$hint"/>',
            IMAGE,
            choices(),
            '<TextArea name="note" toName="image"/><Rating name="stars" toName="image"/>',
        ),
        shown({"image": A, "hint": "x"}, {"image": B, "hint": "y"}),
    ),
    "style, columns and keys": Case(
        view(
            "<Style>.x {color: red}</Style>",
            '<View style="display: flex"><View>',
            image(value="$image", width="420px", zoomControl="true"),
            "</View><View>",
            choices(
                '<Choice value="cat" hotkey="1" hint="miaows" html="&lt;b&gt;Cat&lt;/b&gt;"/>'
                '<Choice value="dog" hotkey="2" selected="true" style="color: red"/>'
            ),
            "</View></View>",
        ),
        pets(),
    ),
    "choices grouped by views": Case(
        view(
            IMAGE,
            choices(
                '<Header value="pets"/><View><Choice value="cat"/></View>'
                '<View><View><Choice value="dog"/></View></View>'
            ),
        ),
        pets(),
    ),
    "lower case tags": Case(
        '<View><image name="image" value="$image"/><choices name="label" toName="image">'
        '<choice value="cat"/><choice value="dog"/></choices></View>',
        pets(),
    ),
    # -- several tags --------------------------------------------------------------------------
    "two choices, one named": Case(
        view(IMAGE, choices(), choices(SIDE, name="side")),
        tuple((d, [*r, *chosen("left", name="side")], label) for d, r, label in pets()),
        params='choices = "label"',
    ),
    "only one of two can be cleaned": Case(
        view(IMAGE, choices(SIDE, name="side", choice="multiple"), choices()),
        tuple((d, [*chosen("left", "right", name="side"), *r], label) for d, r, label in pets()),
    ),
    "choices about a text beside": Case(
        view(IMAGE, '<Text name="t" value="$t"/>', choices(), choices(SIDE, "side", toName="t")),
        shown({"image": A, "t": "x"}, {"image": B, "t": "y"}),
    ),
    "choices of regions beside": Case(
        view(IMAGE, BOXES, choices(SIDE, "side", perRegion="true"), choices()), pets()
    ),
    "another image beside, one named": Case(
        view(IMAGE, '<Image name="reference" value="$reference"/>', choices()),
        shown({"image": A, "reference": C}, {"image": B, "reference": C}),
        params='image = "image"',
    ),
    # -- conditions ----------------------------------------------------------------------------
    "a conditional tag beside": Case(
        view(
            IMAGE,
            choices(required="true"),
            choices(
                SIDE,
                "side",
                required="true",
                visibleWhen="choice-selected",
                whenTagName="label",
                whenChoiceValue="cat",
            ),
        ),
        (
            ({"image": A}, [*chosen("cat"), *chosen("left", name="side")], "cat"),
            ({"image": B}, chosen("dog"), "dog"),
        ),
        params='choices = "label"',
    ),
    "shown when a region is selected": Case(
        view(IMAGE, BOXES, choices(visibleWhen="region-selected", required="true")),
        (
            ({"image": A}, chosen("cat"), "cat"),
            ({"image": B}, chosen("dog"), "dog"),
            ({"image": C}, [], None),
        ),
        images=(A, B, C),
    ),
    "in a conditional view": Case(
        view(
            IMAGE,
            choices(SIDE, "side"),
            '<View visibleWhen="choice-selected" whenTagName="side" whenChoiceValue="left">',
            choices(),
            "</View>",
        ),
        (
            ({"image": A}, [*chosen("left", name="side"), *chosen("cat")], "cat"),
            ({"image": B}, chosen("right", name="side"), None),
        ),
        params='choices = "label"',
    ),
    # -- nested choices ------------------------------------------------------------------------
    "allowNested without nesting": Case(
        view(IMAGE, choices(allowNested="true")), pets(["cat"], ["dog"])
    ),
    "nested": Case(
        view(IMAGE, choices(TREE, allowNested="true", choice="single")),
        (
            ({"image": A}, chosen(["animal", "cat"]), "cat"),
            ({"image": B}, chosen(["none"]), "none"),
            # A lone child ticks what it stands in.
            ({"image": C}, chosen(["thing"], ["thing", "car"]), "car"),
            # What has several children ticks them all.
            ({"image": C}, chosen(["animal"], ["animal", "cat"], ["animal", "dog"]), None),
            # Imported before the choices were nested.
            ({"image": C}, chosen("dog"), "dog"),
        ),
        images=(A, B, C, C, C),
        classes=("cat", "dog", "car", "none"),
    ),
    "nested, two of one name": Case(
        view(
            IMAGE,
            choices(
                '<Choice value="pet"><Choice value="cat"/><Choice value="other"/></Choice>'
                '<Choice value="thing"><Choice value="car"/><Choice value="other"/></Choice>',
                allowNested="true",
            ),
        ),
        (
            ({"image": A}, chosen(["pet", "other"]), "pet > other"),
            ({"image": B}, chosen(["thing", "other"]), "thing > other"),
            ({"image": C}, chosen(["thing", "car"]), "car"),
        ),
        images=(A, B, C),
        classes=("cat", "pet > other", "car", "thing > other"),
    ),
    "nested, but not allowed to": Case(
        view(IMAGE, choices(TREE)),
        (({"image": A}, chosen("animal"), "animal"), ({"image": B}, chosen("none"), "none")),
        classes=("animal", "thing", "none"),
    ),
    "nested aliases": Case(
        view(
            IMAGE,
            choices(
                '<Choice value="Tier" alias="pet"><Choice value="Katze" alias="cat"/>'
                '<Choice value="Hund" alias="dog"/></Choice>',
                allowNested="true",
            ),
        ),
        pets(["pet", "cat"], ["pet", "dog"]),
    ),
    # -- names ---------------------------------------------------------------------------------
    "aliases": Case(
        view(
            IMAGE,
            choices('<Choice value="Katze" alias="cat"/><Choice value="Hund" alias="dog"/>'),
        ),
        pets(),
    ),
    "an alias for what is read from data": Case(
        view(
            IMAGE,
            choices('<Choice value="$first" alias="cat"/><Choice value="$second" alias="dog"/>'),
        ),
        shown({"image": A, "first": "x", "second": "y"}, {"image": B, "first": "x", "second": "y"}),
    ),
    "text in place of a value": Case(
        view(IMAGE, choices('<Choice value="1">cat</Choice><Choice value="2"> dog </Choice>')),
        pets(),
    ),
    "odd names": Case(
        view(IMAGE, choices(named(*ODD))),
        tuple(({"image": A}, chosen(name), name) for name in ODD),
        images=(A,) * len(ODD),
        classes=ODD,
    ),
    "names that differ by case and blanks": Case(
        view(IMAGE, choices(named("cat", "Cat", " cat"))),
        tuple(({"image": A}, chosen(name), name) for name in ("cat", "Cat", " cat")),
        images=(A, A, A),
        classes=("cat", "Cat", " cat"),
    ),
    "one name twice": Case(view(IMAGE, choices(named("cat", "dog", "cat"))), pets()),
    "cannot tell": Case(
        view(IMAGE, choices(named("cat", "dog", "?"))), pets(), params='cannot_tell = "?"'
    ),
    # -- where the image is --------------------------------------------------------------------
    "a path": Case(
        view(image(value="$meta.image"), choices()),
        shown({"meta": {"image": A}}, {"meta": {"image": B}}),
    ),
    "a key with a dot": Case(
        view(image(value="$meta.image"), choices()),
        shown({"meta.image": A, "meta": {"image": C}}, {"meta": {"image": B}}),
    ),
    "an element of a list": Case(
        view(image(value="$pages[0].url"), choices()),
        shown({"pages": [{"url": A}, {"url": C}]}, {"pages": [{"url": B}]}),
    ),
    "text around": Case(
        view(image(value="https://images.example.org/$file"), choices()),
        shown({"file": "a.png"}, {"file": "b/c.png"}),
        images=("https://images.example.org/a.png", "https://images.example.org/b/c.png"),
    ),
    "several variables": Case(
        view(image(value="/data/$folder/$file"), choices()),
        shown({"folder": "upload/1", "file": "a.png"}, {"folder": "old", "file": 7}),
        images=(A, "/data/old/7"),
    ),
    "a list of one": Case(
        view(IMAGE, choices()), shown({"image": [A]}, {"image": B}), images=(A, B)
    ),
    "valueList of one": Case(
        view(image(valueList="$images"), choices()), shown({"images": [A]}, {"images": [B]})
    ),
    "valueList, each image on its own": Case(
        view(image(valueList="$images"), choices(perItem="true", required="true")),
        shown({"images": [A]}, {"images": [B]}, item_index=0),
    ),
    "perItem with one image": Case(
        view(IMAGE, choices(perItem="true")),
        shown({"image": A}, {"image": B}, item_index=0),
    ),
    # -- answers -------------------------------------------------------------------------------
    "answers that hold no single choice": Case(
        view(IMAGE, choices()),
        (
            ({"image": A}, chosen("cat"), "cat"),
            ({"image": B}, chosen("dog"), "dog"),
            ({"image": C}, [], None),
            ({"image": C}, chosen(), None),
            ({"image": C}, chosen("cat", "dog"), None),
            ({"image": C}, [*chosen("cat"), *chosen("dog")], None),
            # Twice the same: the editor ticks it.
            ({"image": C}, [*chosen("cat"), *chosen("cat")], "cat"),
        ),
        images=(A, B, C, C, C, C, C),
    ),
}

REFUSED: dict[str, Case] = {
    "Repeater": Case(
        '<View><Repeater on="$pages" indexFlag="{{idx}}">'
        '<Image name="page_{{idx}}" value="$pages[{{idx}}].url"/>'
        '<Choices name="label_{{idx}}" toName="page_{{idx}}">' + PETS + "</Choices>"
        "</Repeater></View>",
        refused=('<Image name="page_{{idx}}">', "<Repeater>"),
    ),
    "choices in a Repeater": Case(
        view(IMAGE, '<Repeater on="$questions">', choices(name="label_{{idx}}"), "</Repeater>"),
        refused=('<Choices name="label_{{idx}}">', "<Repeater>"),
    ),
    **{
        f'{key}="{value}"': Case(
            view(IMAGE, BOXES, choices(**{key: value})),
            refused=('<Choices name="label">', f'perRegion="{value}"'),
        )
        for key, value in (("perRegion", "true"), ("perRegion", "True"), ("perregion", "true"))
    },
    "multiple": Case(
        view(IMAGE, choices(choice="multiple")),
        refused=('<Choices name="label">', 'choice="multiple"', 'choice="single-radio"'),
    ),
    "an unknown kind of choice": Case(
        view(IMAGE, choices(choice="radio")),
        refused=('<Choices name="label">', 'choice="radio"'),
    ),
    'allowNested="True"': Case(
        view(IMAGE, choices(allowNested="True")),
        refused=('<Choices name="label">', 'allowNested="True"'),
    ),
    "classes from data": Case(
        view(IMAGE, choices("", value="$options")),
        refused=('<Choices name="label">', 'value="$options"'),
    ),
    "more classes from data": Case(
        view(IMAGE, choices(value="$options")),
        refused=('<Choices name="label">', 'value="$options"'),
    ),
    "a class from data": Case(
        view(IMAGE, choices('<Choice value="$first"/><Choice value="dog"/>')),
        refused=('<Choice value="$first">', "alias"),
    ),
    "a price": Case(
        view(IMAGE, choices(named("under $5", "more"))),
        refused=('<Choice value="under $5">', "alias"),
    ),
    "a class without a name": Case(
        view(IMAGE, choices('<Choice value=""/><Choice value="dog"/><Choice value="cat"/>')),
        refused=('<Choices name="label">', "without a name"),
    ),
    "one class": Case(
        view(IMAGE, choices('<Choice value="cat"/>')),
        refused=('<Choices name="label">', "at least two classes"),
    ),
    "about a text": Case(
        view(IMAGE, '<Text name="t" value="$t"/>', choices(toName="t")),
        refused=('<Choices name="label">', 'toName must be "image"'),
    ),
    "about several images": Case(
        view(IMAGE, '<Image name="b" value="$b"/>', choices(toName="image,b")),
        refused=('<Choices name="label">', 'toName="image,b"'),
    ),
    "about several images, one named": Case(
        view(IMAGE, '<Image name="b" value="$b"/>', choices(toName="image,b")),
        refused=('<Choices name="label">', 'toName="image,b"'),
        params='image = "image"',
    ),
    "about one of several images": Case(
        view('<Image name="b" value="$b"/>', IMAGE, choices()),
        refused=("several <Image> tags (b, image)", 'image = "image"'),
    ),
    "several choices": Case(
        view(IMAGE, choices(), choices(SIDE, name="side")),
        refused=("several <Choices> tags (label, side)", 'choices = "label"'),
    ),
    "several choices, none to clean": Case(
        view(
            IMAGE,
            choices(choice="multiple"),
            choices(SIDE, name="side", perRegion="true"),
        ),
        refused=(
            '<Choices name="label">: choice="multiple"',
            '<Choices name="side">: perRegion="true"',
        ),
    ),
    "taxonomy": Case(
        view(IMAGE, f'<Taxonomy name="tree" toName="image">{PETS}</Taxonomy>'),
        refused=("no <Choices> tag", '<Taxonomy name="tree">'),
    ),
    "boxes alone": Case(
        view(IMAGE, BOXES), refused=("no <Choices> tag", '<RectangleLabels name="box">')
    ),
    "a caption": Case(
        view(IMAGE, '<TextArea name="caption" toName="image"/>'),
        refused=("no <Choices> tag", '<TextArea name="caption">'),
    ),
    "which of two": Case(
        view(
            '<Image name="left" value="$left"/><Image name="right" value="$right"/>',
            '<Pairwise name="better" toName="left,right"/>',
        ),
        refused=("no <Choices> tag", '<Pairwise name="better">'),
    ),
    "an abstention that nobody can choose": Case(
        view(IMAGE, choices(named("cat", "dog", "Unsure"))),
        refused=('<Choices name="label">', 'cannot_tell = "unsure"', 'did you mean "Unsure"'),
        params='cannot_tell = "unsure"',
    ),
    "no image": Case(
        view('<Text name="image" value="$text"/>', choices()), refused=("no <Image> tag",)
    ),
    "a fixed image": Case(
        view(image(value="/static/a.png"), choices()),
        refused=('<Image name="image">', 'value="/static/a.png"'),
    ),
    "several images": Case(
        view(image(valueList="$images"), choices()),
        shown({"images": [A, C]}, {"images": [B]}),
        refused=('<Image name="image">', 'valueList="$images"', "2 images"),
    ),
    "several images in a list": Case(
        view(IMAGE, choices()),
        shown({"image": [A, B, C]}, {"image": [B]}),
        refused=('<Image name="image">', 'value="$image"', "3 images"),
    ),
    "no XML": Case("<View><Image", refused=("cannot be read",), hosted=False),
    "a document type": Case(
        '<!DOCTYPE x [<!ENTITY a "cat">]>' + view(IMAGE, choices()),
        refused=("declares a document type",),
        hosted=False,
    ),
}
MATRIX = READ | REFUSED


def table() -> str:
    """Return the matrix as a table of Markdown."""
    rows = [
        f"| {name} | {'refused' if case.refused else 'read'} | {'; '.join(case.refused)} |"
        for name, case in MATRIX.items()
    ]
    head = "| labelling config | verdict | what the refusal names |\n| --- | --- | --- |"
    return "\n".join((head, *rows, f"\n{len(READ)} read, {len(REFUSED)} refused"))
