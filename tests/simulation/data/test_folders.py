"""Folders of images: what people's folders hold is read, or counted and named."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image
from relabel.errors import ConfigurationError
from relabel.media.image.decode import FORMATS
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.data.sources.folders import suffixes


def picture(path, form="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path, format=form)


@pytest.fixture
def folder(tmp_path):
    for name in ("ball/1.png", "ball/2.png", "box/1.png"):
        picture(tmp_path / name)
    return tmp_path


def read(folder):
    """Return classes with their images, and what was left out by reason."""
    data = load_dataset("image_folder", folder)
    counts = {c: int((data.truth == k).sum()) for k, c in enumerate(data.classes)}
    (book,) = data.accounts.books
    assert book.count("used") == len(data) == len(data.paths)
    return counts, {part.name: list(map(str, part.examples)) for part in book.left_out}


def test_hidden_files_and_folders_are_no_classes_and_are_counted(folder):
    picture(folder / ".ipynb_checkpoints" / "1-checkpoint.png")
    picture(folder / "__MACOSX" / "1.png")
    picture(folder / "box" / "._1.png")
    (folder / "ball" / "Thumbs.db").touch()
    (folder / ".DS_Store").touch()
    counts, left_out = read(folder)
    assert counts == {"ball": 2, "box": 1}
    assert left_out == {
        "hidden": [
            '".DS_Store"',
            '".ipynb_checkpoints"',
            '"__MACOSX"',
            '"ball/Thumbs.db"',
            '"box/._1.png"',
        ]
    }


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_rounds_decode_is_read_under_each_of_its_names(tmp_path, form):
    picture(tmp_path / "box" / "1.png")
    names = [s for s in suffixes() if Image.registered_extensions()[s] == form]
    for suffix in (*names, *map(str.upper, names), "", ".2024"):
        picture(tmp_path / "ball" / f"x{suffix}", form)
    counts, left_out = read(tmp_path)
    assert counts["ball"] == len(list((tmp_path / "ball").iterdir()))
    assert left_out == {}


def test_usual_names_are_among_those_of_the_formats():
    usual = ".png .jpg .jpeg .jpe .jfif .gif .bmp .tif .tiff .webp .ppm .pgm .pbm .pnm"
    assert set(usual.split()) <= suffixes()


def test_deeper_folders_belong_to_the_class_above_them(folder):
    picture(folder / "box" / "2024" / "may" / "x.png")
    (folder / "box" / "empty").mkdir()
    assert read(folder) == ({"ball": 2, "box": 2}, {})


def test_what_is_passed_over_is_counted_and_named(folder):
    (folder / "readme.txt").touch()
    picture(folder / "lonely.png")
    (folder / "box" / "notes.txt").write_text("text")
    (folder / "box" / "scan.dcm").write_bytes(b"\0" * 128 + b"DICM")
    (folder / "docs").mkdir()
    (folder / "box" / "gone.png").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "box" / "pipe")
    (folder / "box" / "back").symlink_to(folder / "box")
    counts, left_out = read(folder)
    assert counts == {"ball": 2, "box": 1}
    assert left_out == {
        "outside": ['"lonely.png"', '"readme.txt"'],
        "foreign": ['"box/notes.txt"', '"box/scan.dcm"'],
        "bare": ['"docs"'],
        "closed": [
            '"box/back" (a link to a folder that it lies in)',
            '"box/gone.png" (no file, or a link that leads nowhere)',
            '"box/pipe" (no file, or a link that leads nowhere)',
        ],
    }


def test_a_linked_class_is_read(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    picture(elsewhere / "1.png")
    (folder / "tent").symlink_to(elsewhere)
    assert read(folder)[0]["tent"] == 1


def test_a_file_name_of_any_bytes_is_told_in_one_line(folder):
    (folder / os.fsdecode(b"b\xffx\n1")).mkdir()
    _, left_out = read(folder)
    assert left_out == {"bare": ['"b\\udcffx\\n1"']}


def refused(folder):
    with pytest.raises(ConfigurationError) as message:
        load_dataset("image_folder", folder)
    assert "\n" not in str(message.value)
    assert str(message.value).startswith(f"--data-dir {folder}")
    return str(message.value)


def test_too_few_classes_are_refused_with_what_was_found_instead(tmp_path):
    assert "No such file or directory; name a folder" in refused(tmp_path / "no")
    (tmp_path / "file").touch()
    assert "Not a directory; name a folder" in refused(tmp_path / "file")
    (tmp_path / "file").unlink()
    assert refused(tmp_path).endswith("found none.")
    picture(tmp_path / "1.png")
    assert refused(tmp_path).endswith('found none: 1 not in the folder of a class: "1.png".')
    picture(tmp_path / "images" / "ball" / "1.png")
    picture(tmp_path / "images" / "box" / "1.png")
    message = refused(tmp_path)
    assert "found one, images with 2 images" in message
    assert message.endswith(f"(ball, box), name {tmp_path / 'images'}.")


def test_parts_of_a_data_set_are_no_classes(tmp_path):
    for name in ("train/ball/1.png", "train/box/1.png", "val/ball/1.png"):
        picture(tmp_path / name)
    message = refused(tmp_path)
    assert "parts of a data set (train, val), not classes" in message
    assert message.endswith(f"such as {tmp_path / 'train'}, whose folders are ball, box.")


def test_classes_may_be_called_like_parts(tmp_path):
    for name in ("train/1.png", "bus/1.png"):
        picture(tmp_path / name)
    assert read(tmp_path)[0] == {"bus": 1, "train": 1}
    for name in ("a/train/1.png", "a/test/1.png"):
        picture(tmp_path / name)
    assert read(tmp_path / "a")[0] == {"test": 1, "train": 1}


def test_no_second_list_of_suffixes_is_kept():
    source = Path(load_dataset.__code__.co_filename).parent
    for path in source.glob("*.py"):
        assert not re.search(r"\"\.(png|gif|tiff?|bmp)\"", path.read_text()), path
