"""Files that people name: read as text, written whole or not at all, refused in one line."""

import os
import stat
import threading
from pathlib import Path

import pytest
from relabel.errors import ConfigurationError
from relabel.files import (
    check_file,
    check_folder,
    decode_text,
    read_bytes,
    read_json,
    read_text,
    told,
    write_file,
)


def one_line(message, *words):
    assert "\n" not in str(message.value)
    for word in words:
        assert word in str(message.value)


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    path.chmod(0o640)
    write_file(path, "näw\r\n")
    assert path.read_bytes() == "näw\r\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write_file(path, b"\0")
    assert path.read_bytes() == b"\0"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_new_file_may_be_read_by_whom_the_umask_allows(tmp_path):
    (tmp_path / "by hand").touch()
    write_file(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "by hand").stat().st_mode


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_into(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    write_file(tmp_path / "pipe", "text")
    reader.join()
    assert read == ["text"]
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("check", [check_file, lambda path, option: write_file(path, "x", option)])
def test_a_file_that_cannot_be_written_is_refused_with_the_remedy(tmp_path, check):
    (tmp_path / "file").touch()
    for path, why in (
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "no" / "x.csv", "the folder "),
        (tmp_path / "file" / "x.csv", "is a file, no folder"),
        (tmp_path / ("n" * 300) / "x.csv", "File name too long"),
    ):
        with pytest.raises(ConfigurationError) as message:
            check(path, "--out")
        one_line(message, f"--out {path}", why)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_told():
    with pytest.raises(ConfigurationError) as message:
        write_file(Path("/dev/full"), "x", "--out")
    one_line(message, "--out /dev/full", "No space left on device; make room")


def test_what_was_there_survives_a_write_that_fails(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(ConfigurationError, match="No space left"):
        write_file(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_checked_without_making_it(tmp_path):
    (tmp_path / "file").touch()
    check_folder(tmp_path / "a" / "b", "--out")
    assert not (tmp_path / "a").exists()
    for path, why in (
        (tmp_path / "file", "is a file; name a folder"),
        (tmp_path / "file" / "below", "is a file, no folder"),
    ):
        with pytest.raises(ConfigurationError) as message:
            check_folder(path, "--out")
        one_line(message, f"--out {path}", why)


def test_a_folder_that_may_not_be_written_is_refused(tmp_path, monkeypatch):
    # Root may write everywhere, so the question is answered in the system's place.
    monkeypatch.setattr(os, "access", lambda folder, _: Path(folder) != tmp_path)
    for check, path in ((check_file, tmp_path / "x"), (check_folder, tmp_path / "x" / "y")):
        with pytest.raises(ConfigurationError) as message:
            check(path, "--out")
        one_line(message, f"--out {path}", f"nothing may be written into {tmp_path}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_mark_at_its_beginning_says_the_encoding(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_text("bäll\n", encoding=encoding)
    assert read_text(path) == "bäll\n"


def test_no_encoding_is_guessed():
    with pytest.raises(ConfigurationError) as message:
        decode_text("image\nbäll\n".encode("latin-1"), "a.csv")
    one_line(message, "a.csv, line 2: byte 0xe4 at offset 7 is not UTF-8", "save the file as UTF-8")
    with pytest.raises(ConfigurationError) as message:
        decode_text("image\nball".encode("utf-16-le"), "a.csv")
    one_line(message, "a.csv, line 1", "NUL")
    with pytest.raises(ConfigurationError) as message:
        decode_text(b"PK\x03\x04\x14", "a.csv")
    one_line(message, "a.csv", "workbook")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, why in ((tmp_path / "no", "No such file"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigurationError) as message:
            read_bytes(path, "RELABEL_POLICY_FILE")
        one_line(message, f"RELABEL_POLICY_FILE = {path}", why)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!doctype html><title>Log in</title>", "line 1, column 1: no JSON: it is a web page"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6: no JSON: Expecting ':' delimiter"),
        ("", "line 1, column 1"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5_000, "a number is too long"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(tmp_path, text, why):
    path = tmp_path / "export.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as message:
        read_json(path)
    one_line(message, str(path), why)


def test_a_name_is_told_in_one_line_whatever_its_bytes():
    assert told(Path("a b/ü.png")) == "a b/ü.png"
    assert told(os.fsdecode(b"a\n\xff.png")) == "a\\n\\udcff.png"
    assert len(told("x" * 10_000)) < 500
