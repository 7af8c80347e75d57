import io
import json

import numpy as np
import pytest
from PIL import Image
from relabel.first_bytes import is_web_page, looks_like


def saved(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><head><title>\n Log  in </title>", "a web page (Log in)"),
        (b"\xef\xbb\xbf\n <HTML>hello", "a web page"),
        (b"<!-- a comment --><html><body>", "a web page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b'{"detail": "Authentication credentials were not provided."}', "JSON"),
        (json.dumps(list(range(5000))).encode(), "JSON"),
        (b"%PDF-1.4\n1 0 obj", "a PDF"),
        (b"%!PS-Adobe-3.0", "PostScript"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b"\0" * 128 + b"DICM", "a DICOM file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b"PK\3\4rest", "a zip archive"),
        ("Bildgröße: 3".encode(), "text"),
        (("ä" * 2000).encode()[:2049], "text"),
        (b"{not JSON", "text"),
        (b"\x01\x02\x03\xfe\xff\x00\x10\x11\x12", "no known kind of file (it begins with 01 02 0"),
    ],
)
def test_a_file_is_told_by_its_first_bytes(content, what):
    assert looks_like(content).startswith(what)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("PNG", "a PNG"),
        ("JPEG", "a JPEG"),
        ("GIF", "a GIF"),
        ("BMP", "a BMP"),
        ("TIFF", "a TIFF"),
        ("WEBP", "a WebP"),
        ("PPM", "a PNM"),
    ],
)
def test_the_formats_that_are_read_are_told_by_name(kind, what):
    assert looks_like(saved(kind)) == what


def test_no_bytes_whatever_end_in_an_error():
    rng = np.random.default_rng(0)
    for size in rng.integers(1, 300, 200):
        content = rng.bytes(size)
        assert looks_like(content)
        assert looks_like(b"<html>" + content).startswith("a web page")


def test_a_title_is_told_in_one_short_line():
    page = b"<html><title>" + b"very long \n" * 18 + b"</title>"
    assert len(looks_like(page)) < 80
    assert "\n" not in looks_like(page)


def test_a_word_in_brackets_is_no_web_page():
    assert not is_web_page(b"1 < 2 and <html> later")
    assert is_web_page(b"  <!doctype HTML>")
