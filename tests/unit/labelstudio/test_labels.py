import pytest
from relabel.errors import LabelConfigError
from relabel.labelstudio.labels import SUPPORTED, parse_label_config


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
    "no xml": ("<View><Image", "cannot be read"),
    "bomb": (
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + view(image(), choices('<Choice value="&b;"/><Choice value="c"/>')),
        "declares a document type",
    ),
    "file": (
        '<!doctype x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + view(image(), choices("&a;")),
        "declares a document type",
    ),
    "very deep": ("<View>" * 5000 + "</View>" * 5000, "cannot be read"),
    "no image": (view('<Text name="image" value="$text"/>', choices()), "has no <Image> tag"),
    "no choices": (view(image(), '<TextArea name="t" toName="image"/>'), "has no <Choices> tag"),
    "multiple": (view(image(), choices(choice="multiple")), 'use choice="single-radio"'),
    "per region": (view(image(), choices(perRegion="true")), "perRegion is not supported"),
    "one class": (view(image(), choices('<Choice value="cat"/>')), "at least two classes"),
    "fixed image": (view(image(value="a.png"), choices()), r'needs value="\$field"'),
    "classes from data": (
        view(image(), choices("", value="$options")),
        "not from task data|at least two classes",
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
