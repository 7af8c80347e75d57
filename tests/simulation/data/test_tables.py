"""CSV files as people and their programs write them; what is wrong is told by line."""

import codecs
import gzip

import pytest
from relabel.errors import ConfigurationError
from relabel.simulation.data.tables import read_table

ROWS = [("a.png", "ball"), ("b.png", "box")]


def table(tmp_path, content, wanted=("image", "truth"), optional=("label",)):
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, wanted, optional)


def cells(found):
    return [(row.cells["image"], row.cells["truth"]) for row in found.rows]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_is_found(tmp_path, separator, end):
    lines = [separator.join(row) for row in [("image", "truth"), *ROWS]]
    assert cells(table(tmp_path, end.join(lines))) == ROWS


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(tmp_path, coding):
    found = table(tmp_path, "image,truth\na.png,bäll\n".encode(coding))
    assert cells(found) == [("a.png", "bäll")]


def test_big_endian_text_is_read(tmp_path):
    content = codecs.BOM_UTF16_BE + "image,truth\na.png,ball".encode("utf-16-be")
    assert cells(table(tmp_path, content)) == ROWS[:1]


def test_a_compressed_file_is_read_whatever_its_name(tmp_path):
    content = gzip.compress(b"image,truth\na.png,ball\nb.png,box\n")
    assert cells(table(tmp_path, content)) == ROWS
    with pytest.raises(ConfigurationError, match=r"labels\.csv: the compressed file is damaged"):
        table(tmp_path, content[:-9])


def test_quoted_cells_keep_what_separates_and_ends_lines(tmp_path):
    found = table(tmp_path, 'image,truth\n"a, b.png","ball ""red"""\nc.png, "box, big"\n')
    assert cells(found) == [("a, b.png", 'ball "red"'), ("c.png", "box, big")]
    found = table(tmp_path, 'image,truth\n"a\nb.png",ball\nc.png,box\n')
    assert [row.line for row in found.rows] == [2, 4]


def test_a_separator_that_the_file_states_is_taken(tmp_path):
    found = table(tmp_path, "sep=;\r\nimage;truth\r\na,b.png;ball\r\n")
    assert cells(found) == [("a,b.png", "ball")]
    assert found.rows[0].line == 3


def test_names_of_columns_are_found_whatever_their_case_and_blanks(tmp_path):
    found = table(tmp_path, "id, Image ,TRUTH\n7,a.png,ball\n")
    assert cells(found) == ROWS[:1]
    assert found.headings.lines() == (
        "3 columns: 2 used, 1 left out",
        '  left out: 1 not read: "id"',
    )


def test_a_column_that_is_nearly_one_is_named(tmp_path):
    found = table(tmp_path, "image,truth,lable\na.png,ball,box\n")
    assert found.headings.lines()[1] == '  left out: 1 not read: "lable" (nearest: label)'


def test_missing_columns_are_told_with_those_that_are_there(tmp_path):
    with pytest.raises(ConfigurationError) as message:
        table(tmp_path, "imgae;class\na.png;ball\n")
    assert str(message.value) == (
        f"{tmp_path / 'labels.csv'} has no column 'image' and no column 'truth'; its first row "
        "names 'imgae', 'class', where 'imgae' is nearest to 'image'."
    )


def test_blanks_around_cells_are_taken_off_and_told(tmp_path):
    found = table(tmp_path, "image,truth,note\na.png, ball ,x\nb.png,box, y\n")
    assert cells(found) == ROWS
    assert [row.padded for row in found.rows] == [" ball ", ""]


def test_rows_of_another_length_are_told_by_line(tmp_path):
    found = table(tmp_path, "image,truth\na.png,ball\nb.png\n\n,\nc, d.png,box\ne.png,box,,\n")
    assert [row.cells["image"] for row in found.rows] == ["a.png", "e.png"]
    cut = ["line 3 (1 instead of 2)", "line 6 (3 instead of 2)"]
    assert [str(part) for part in found.unread] == [
        "1 empty: line 5",
        f"2 of another number of cells than the heading: {', '.join(cut)}",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", " is empty; its first row names the columns"),
        (b"\n\n", " is empty"),
        (b"image,truth\na.png,b\xe4ll\n", ", line 2: byte 0xe4 at offset 19 is not UTF-8"),
        ("image,truth\n".encode("utf-16-le"), ", line 1: a NUL character"),
        (b'image,truth\na.png,ball\nb.png,"box\nc.png,box\n', ", line 3: unexpected end of data"),
        (b'image,truth\n"a".png,ball\n', ", line 2: ',' expected after"),
        (b"image,truth\na.png," + b"x" * 200_000, ", line 2: field larger than field limit"),
        (b"image,truth,Truth\na,b,c\n", " has several columns 'truth'"),
        (b"PK\x03\x04...", " is no text but a workbook"),
        (b"<!doctype html><title>Log in</title>", " has no column 'image'"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(tmp_path, content, why):
    with pytest.raises(ConfigurationError) as message:
        table(tmp_path, content)
    assert f"{tmp_path / 'labels.csv'}{why}" in str(message.value)
    assert "\n" not in str(message.value)
