import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.labelstudio.images import MISSING, first_field, look_up, shown_image

DATA = {
    "image": "/a.png",
    "meta": {"image": "/b.png", "pages": [{"url": "/c.png"}, {"url": "/d.png"}]},
    "with.dot": "/e.png",
    "with": {"dot": "/f.png"},
    "list": ["/g.png"],
    "number": 7,
    "float": 7.0,
    "none": None,
    "blank": " ",
    "true": True,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("image", "/a.png"),
        ("meta.image", "/b.png"),
        ("meta.pages[1].url", "/d.png"),
        ("meta.pages.1.url", "/d.png"),
        ("[meta][image]", "/b.png"),
        ("with.dot", "/e.png"),
        ("list[0]", "/g.png"),
        ("none", None),
        ("list[1]", MISSING),
        ("list[-1]", MISSING),
        ("image[0]", MISSING),
        ("meta.other", MISSING),
        ("none.image", MISSING),
        (".image", MISSING),
        ("", MISSING),
        ("[", MISSING),
    ],
)
def test_paths_lead_where_the_editor_follows_them(path, value):
    assert look_up(DATA, path) is value or look_up(DATA, path) == value


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("$image", "/a.png"),
        ("$list", "/g.png"),
        ("$meta.pages[0].url", "/c.png"),
        ("https://x.org$image", "https://x.org/a.png"),
        ("/data/$number/$float$image", "/data/7/7/a.png"),
        (" $image ", "/a.png"),
        # A dash ends a name, and what follows is text.
        ("$image-big", "/a.png-big"),
    ],
)
def test_variables_become_what_the_task_holds(value, address):
    found = shown_image(DATA, value)
    assert (found.address, found.problem, found.count) == (address, "", 1)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("$photo", 'task.data has no field "photo"'),
        # The editor takes the whole of it for a path.
        ("/data/$image.png", 'task.data has no field "image.png"'),
        ("$none", "task.data.none is empty"),
        ("/x/$none", "task.data.none is empty"),
        ("$blank", "task.data.blank is empty"),
        ("$number", "task.data.number is the number 7, no address"),
        ("$true", "task.data.true is true or false, no address"),
        ("$meta", "task.data.meta is an object, no address"),
        ("$meta.pages", 'value="$meta.pages" holds 2 images'),
        ("/x/$list", "task.data.list is a list, no text"),
    ],
)
def test_what_is_no_address_is_told(value, problem):
    found = shown_image(DATA, value)
    assert found.address == ""
    assert found.problem.startswith(problem)


def test_several_images_are_counted_and_named_by_their_attribute():
    found = shown_image({"pages": ["/a.png", "/b.png", "/c.png"]}, "$pages", "valueList")
    assert found.count == 3
    assert found.problem.startswith('valueList="$pages" holds 3 images')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab/ ", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
PIECES = st.sampled_from(["$a", "$b", ".a", "[0]", "/", "x", "{", "}", "."])


@given(
    st.dictionaries(st.sampled_from(["a", "b", "a.b", "a[0]"]), JSON),
    st.lists(PIECES, max_size=5).map(lambda pieces: "$a" + "".join(pieces)),
)
def test_any_data_under_any_value_has_an_address_or_a_problem(data, value):
    found = shown_image(data, value)
    assert (found.problem == "") == (found.count == 1)
    assert not (found.problem and found.address)
    assert first_field(value)
