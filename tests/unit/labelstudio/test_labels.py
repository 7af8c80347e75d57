import pytest
from relabel.errors import LabelConfigError
from relabel.labelstudio.labels import SUPPORTED, check_abstention, parse_label_config


def choices(inner='<Choice value="cat"/><Choice value="dog"/>', name="label", **attributes):
    wanted = {"toName": "image", "choice": "single-radio"} | attributes
    text = " ".join(f'{key}="{value}"' for key, value in wanted.items())
    return f'<Choices name="{name}" {text}>{inner}</Choices>'


def image(name="image", value="$photo"):
    return f'<Image name="{name}" value="{value}"/>'


def view(*tags):
    return f"<View>{''.join(tags)}</View>"


def test_classes_come_in_the_order_of_the_config():
    schema = parse_label_config(view(image(), choices(required="true")))
    assert schema.classes == ("cat", "dog")
    assert (schema.from_name, schema.to_name, schema.image_key) == ("label", "image", "photo")
    assert schema.required


def test_an_empty_submit_is_possible_unless_the_config_forbids_it():
    assert not parse_label_config(view(image(), choices())).required


@pytest.mark.parametrize("kind", ["single", "single-radio"])
def test_every_single_choice_is_supported(kind):
    assert parse_label_config(view(image(), choices(choice=kind))).classes == ("cat", "dog")


def test_other_tags_beside_do_no_harm():
    extra = '<Header value="$hint"/><TextArea name="note" toName="image"/>'
    assert parse_label_config(view(image(), choices(), extra)).from_name == "label"


def test_an_abstention_is_no_class():
    three = '<Choice value="cat"/><Choice value="?"/><Choice value="dog"/>'
    config = view(image(), choices(three))
    assert parse_label_config(config, cannot_tell="?").classes == ("cat", "dog")


def test_names_choose_among_several_tags():
    config = view(
        image(),
        image("other", "$second"),
        choices(name="quality"),
        choices(name="label", toName="other"),
    )
    schema = parse_label_config(config, "label", "other")
    assert (schema.from_name, schema.image_key) == ("label", "second")


REFUSED = {
    "empty": ("  ", "is empty"),
    "no xml": ("<View><Image", r"cannot be read: .*line 1"),
    "bomb": (
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + view(image(), choices('<Choice value="&b;"/><Choice value="c"/>')),
        "declares a document type",
    ),
    "file": (
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + view(image(), choices("&a;")),
        "declares a document type",
    ),
    "very deep": ("<View>" * 5000 + "</View>" * 5000, "has no <Choices> tag"),
    "no image": (view('<Text name="image" value="$text"/>', choices()), "has no <Image> tag"),
    "no choices": (view(image(), '<TextArea name="t" toName="image"/>'), "has no <Choices> tag"),
    "multiple": (view(image(), choices(choice="multiple")), 'use choice="single-radio"'),
    "per region": (view(image(), choices(perRegion="true")), 'perRegion="true" asks for labels'),
    "one class": (view(image(), choices('<Choice value="cat"/>')), "at least two classes"),
    "fixed image": (view(image(value="a.png"), choices()), r'it needs value="\$field"'),
    "classes from data": (
        view(image(), choices("", value="$options")),
        r'value="\$options": write the classes as <Choice> tags',
    ),
}


@pytest.mark.parametrize(("config", "message"), REFUSED.values(), ids=REFUSED)
def test_a_config_that_cannot_be_cleaned_says_what_is_supported(config, message):
    with pytest.raises(LabelConfigError, match=message) as error:
        parse_label_config(config)
    assert SUPPORTED in str(error.value)


def test_an_abstention_beside_one_class_is_too_little():
    with pytest.raises(LabelConfigError, match="at least two classes"):
        parse_label_config(view(image(), choices()), cannot_tell="cat")


@pytest.mark.parametrize(
    ("config", "key", "names"),
    [
        (view(image(), choices(), choices(name="quality")), 'choices = "label"', "label, quality"),
        (view(image(), image("b", "$b"), choices()), 'image = "image"', "image, b"),
    ],
    ids=["choices", "image"],
)
def test_several_tags_are_listed_with_how_to_name_one(config, key, names):
    with pytest.raises(LabelConfigError, match="several") as error:
        parse_label_config(config)
    assert key in str(error.value)
    assert names in str(error.value)


def test_a_named_tag_that_is_missing_lists_those_there_are():
    with pytest.raises(LabelConfigError, match=r'No <Choices name="lable">.*found: label\.'):
        parse_label_config(view(image(), choices()), "lable")


def test_choices_on_another_tag_are_refused():
    config = view(image(), '<Text name="text" value="$t"/>', choices(toName="text"))
    with pytest.raises(LabelConfigError, match='toName must be "image"'):
        parse_label_config(config)


def test_an_abstention_that_is_no_choice_is_named_with_what_it_may_have_meant():
    three = '<Choice value="cat"/><Choice value="Cannot tell"/><Choice value="dog"/>'
    schema = parse_label_config(view(image(), choices(three)), cannot_tell="cannot tell")
    assert schema.classes == ("cat", "Cannot tell", "dog")
    with pytest.raises(LabelConfigError, match='did you mean "Cannot tell"'):
        check_abstention(schema, "cannot tell")
    with pytest.raises(LabelConfigError, match='no choice of <Choices name="label">: it has cat, '):
        check_abstention(schema, "nobody knows")
    check_abstention(schema, "")


def test_a_named_tag_that_cannot_be_cleaned_is_not_replaced_by_another():
    config = view(image(), choices(), choices(name="side", choice="multiple"))
    with pytest.raises(LabelConfigError, match='<Choices name="side">: choice="multiple"'):
        parse_label_config(config, "side")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("$photo", "photo"),
        ("$meta.photo", "meta"),
        ("$pages[0].url", "pages"),
        ("https://example.org/$folder/$name", "folder"),
    ],
)
def test_the_column_of_the_image_is_where_the_way_to_it_begins(value, key):
    assert parse_label_config(view(image(value=value), choices())).image_key == key


def notes(*tags, choices_tag=""):
    return parse_label_config(view(image(), *tags), choices_tag).notes


def test_nothing_is_noted_of_a_plain_config():
    assert notes(choices()) == ()


def test_a_tag_that_is_hidden_at_times_is_noted_with_what_hides_it():
    (note,) = notes('<View visibleWhen="region-selected">', choices(), "</View>")
    assert '<Choices name="label"> is shown at times only' in note
    assert 'visibleWhen="region-selected" of <View>' in note
    assert parse_label_config(view(image(), choices(visibleWhen="no-region-selected"))).condition


def test_choices_that_are_alike_or_equal_are_noted():
    inner = '<Choice value="cat"/><Choice value="Cat"/><Choice value="cat"/><Choice value="dog"/>'
    twice, alike = notes(choices(inner))
    assert twice == '"cat" stands 2 times in <Choices name="label">: one class'
    assert alike.startswith('"Cat", "cat" in <Choices name="label"> differ by case')


def test_what_is_not_cleaned_is_noted():
    (note,) = notes(choices(), choices(name="side", choice="multiple"))
    assert note == 'what is chosen in <Choices name="side"> is left as it is'


NESTED = (
    '<Choice value="pet"><Choice value="cat"/><Choice value="other"/></Choice>'
    '<Choice value="thing"><Choice value="other"/><Choice value="car" alias="c"/></Choice>'
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("pet", "cat"), "cat"),
        (("thing", "c"), "c"),
        (("thing", "other"), "thing > other"),
        # From a time when the choices stood elsewhere.
        (("animal", "cat"), "cat"),
        (("cat",), "cat"),
        (("room", "other"), "room > other"),
        (("other",), "other"),
        (("pet",), "pet"),
    ],
)
def test_a_nested_choice_is_called_by_its_end_unless_several_end_alike(path, name):
    schema = parse_label_config(view(image(), choices(NESTED, allowNested="true")))
    assert schema.classes == ("cat", "pet > other", "thing > other", "c")
    assert schema.name_of(path) == name


@pytest.mark.parametrize(
    ("attributes", "label", "written", "more"),
    [
        ({}, "pet", ["pet"], {}),
        ({"allowNested": "true"}, "cat", [["pet", "cat"]], {}),
        ({"allowNested": "true"}, "thing > other", [["thing", "other"]], {}),
        ({"perItem": "true"}, "thing", ["thing"], {"item_index": 0}),
    ],
)
def test_a_label_is_written_as_the_editor_writes_it(attributes, label, written, more):
    schema = parse_label_config(view(image(), choices(NESTED, **attributes)))
    entry = {"from_name": "label", "to_name": "image", "type": "choices"}
    assert schema.result(label) == entry | {"value": {"choices": written}} | more
