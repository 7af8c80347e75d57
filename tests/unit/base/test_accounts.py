"""Books balance, and whatever is left out is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.accounts import Accounts, Book, Part, nearest, part_of
from relabel.errors import InvalidValuesError


def test_a_book_that_does_not_balance_is_refused():
    with pytest.raises(InvalidValuesError, match="3 were read, 2 accounted for"):
        Book("labels", 3, (Part("used", 2, "are votes"),))


def test_negative_counts_cannot_balance_a_book():
    with pytest.raises(InvalidValuesError):
        Book("labels", 1, (Part("used", 2, "are votes"), Part("lost", -1, "are lost")))


def test_what_is_left_out_is_told_with_the_nearest_name():
    values = ["Dog"] * 10 + ["dogs"] * 2
    book = Book(
        "labels", 12, (part_of("unknown", "are no class", values, used=False, known=["dog"]),)
    )
    assert book.lines() == (
        "12 labels: 12 left out",
        '  left out: 12 are no class: "Dog" 10 (nearest: dog), "dogs" 2 (nearest: dog)',
    )


def test_many_kinds_are_cut_and_the_rest_is_counted():
    part = part_of("odd", "are odd", [f"v{i}" for i in range(8)], used=False)
    assert str(part).endswith(" and 3 more")


@pytest.mark.parametrize(
    ("value", "found"), [("Dog", "dog"), ("bird ", "bird"), ("0.0", ""), ("hot_dog", "hot dog")]
)
def test_the_nearest_class_is_found_by_likeness(value, found):
    assert nearest(value, ["dog", "bird", "hot dog"]) == found


@given(st.lists(st.sampled_from(["a", "b", "c", 1, 2]), max_size=50), st.booleans())
def test_parts_of_a_partition_always_balance(things, used):
    texts = [thing for thing in things if isinstance(thing, str)]
    numbers = [thing for thing in things if not isinstance(thing, str)]
    book = Book(
        "things",
        len(things),
        (
            part_of("texts", "are texts", texts, used=used),
            part_of("numbers", "are numbers", numbers),
        ),
    )
    assert Accounts((book,)).to_json()["things"]["total"] == len(things)
    assert sum(part.count for part in book.left_out) == (0 if used else len(texts))
