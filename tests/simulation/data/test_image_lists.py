"""Tables of image files: each row is used, or left out with its line and the reason."""

import pytest
from PIL import Image
from relabel.errors import ConfigurationError
from relabel.simulation.data.sources import load_dataset


@pytest.fixture
def folder(tmp_path):
    for name in "abcdef":
        (tmp_path / "img").mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / "img" / f"{name}.png")
    return tmp_path


def write(folder, *rows, name="labels.csv", heading="image,truth,label"):
    (folder / name).write_text("\n".join([heading, *rows]))


def left_out(data):
    book = data.accounts.book("rows")
    assert sum(part.count for part in book.parts if part.used) == len(data)
    return {part.name: [str(e) for e in part.examples] for part in book.left_out}


def test_rows_that_say_no_truth_or_no_image_are_left_out_by_line(folder):
    write(
        folder,
        "img/a.png,ball,ball",
        "img/b.png,,box",
        ",ball,ball",
        "img/none.png,box,box",
        "img,box,box",
        "img/c.png,box,",
    )
    data = load_dataset("csv", folder)
    assert data.classes == ("ball", "box")
    assert data.given.tolist() == [0, -1]
    assert left_out(data) == {
        "no_truth": ["line 3"],
        "no_image": ["line 4"],
        "no_file": ["line 5 (img/none.png)", "line 6 (img)"],
    }


def test_an_image_counts_once_and_only_with_one_truth(folder):
    write(
        folder,
        "img/a.png,ball,ball",
        "img/b.png,box,box",
        "img/a.png,ball,box",
        "img/c.png,ball,ball",
        "img/c.png,box,box",
    )
    data = load_dataset("csv", folder)
    assert [data.classes[c] for c in data.given] == ["ball", "box"]
    assert left_out(data) == {
        "again": ["line 4 (as line 2)"],
        "unclear": ["line 5 (img/c.png)", "line 6 (img/c.png)"],
    }


def test_cells_with_blanks_around_them_are_the_same_class_and_told(folder):
    write(folder, "img/a.png,ball ,ball", "img/b.png, ball,ball", "img/c.png,box,box")
    data = load_dataset("csv", folder)
    assert data.classes == ("ball", "box")
    assert data.accounts.book("rows").lines() == (
        '3 rows: 1 used, 2 used without the blanks around a cell, as "ball " in line 2',
    )


def test_paths_of_windows_are_found(folder):
    write(folder, r"img\a.png,ball,ball", r"img\b.png,box,box")
    assert len(load_dataset("csv", folder)) == 2


def test_the_file_itself_may_be_named(folder):
    rows = ("img/a.png\tball", "img/b.png\tbox")
    write(folder, *rows, name="mine.tsv", heading="image\ttruth")
    data = load_dataset("csv", folder / "mine.tsv")
    assert (data.name, len(data), data.given) == ("mine", 2, None)
    with pytest.raises(ConfigurationError) as message:
        load_dataset("csv", folder)
    assert f"there is mine.tsv: name it, --data-dir {folder / 'mine.tsv'}" in str(message.value)


def test_a_table_of_one_class_is_refused_with_what_was_left_out(folder):
    write(folder, "img/a.png,ball,ball", "img/b.png,,box")
    with pytest.raises(ConfigurationError) as message:
        load_dataset("csv", folder)
    assert str(message.value) == (
        f"{folder / 'labels.csv'} must name at least two classes; of 2 rows, the usable ones name "
        "only 'ball'; left out: 1 without a truth: line 3."
    )


def isic(folder, *rows):
    (folder / "ISIC_2019_Training_Input").mkdir(exist_ok=True)
    for name in ("i1", "i2"):
        Image.new("L", (4, 4)).save(folder / "ISIC_2019_Training_Input" / f"{name}.jpg")
    text = "\n".join(["image,MEL,NV,UNK", *rows])
    (folder / "ISIC_2019_Training_GroundTruth.csv").write_text(text)
    return load_dataset("isic2019", folder)


def test_isic_lesions_without_class_or_image_are_left_out(tmp_path):
    data = isic(tmp_path, "i1,1.0,0.0,0.0", "i2,0,1,0", "i3,1,0,0", "i2,0,0,1")
    assert data.truth.tolist() == [0, 1]
    assert left_out(data) == {"no_file": ["line 4 (i3)"], "no_truth": ["line 5"]}


def test_isic_cells_that_are_no_answer_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match="line 2, column NV: 'x' must be 0 or 1"):
        isic(tmp_path, "i1,1,x,0")
