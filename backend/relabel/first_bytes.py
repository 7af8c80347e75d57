"""What a file seems to be, told from its first bytes to people who expected something else."""

import json
import re

LOOKED_AT = 2048
TITLE = re.compile(rb"<title[^>]*>\s*(.{1,200}?)\s*</title>", re.IGNORECASE | re.DOTALL)
LONGEST_TITLE = 60

BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    "a PNG": (b"\x89PNG",),
    "a JPEG": (b"\xff\xd8\xff",),
    "a GIF": (b"GIF87a", b"GIF89a"),
    "a BMP": (b"BM",),
    "a TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "a PNM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
    "a PDF": (b"%PDF",),
    "PostScript": (b"%!PS",),
    "a JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "a JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "a Photoshop file": (b"8BPS",),
    "a zip archive": (b"PK\3\4", b"PK\5\6"),
    "a gzip archive": (b"\x1f\x8b",),
    "a pointer of Git LFS": (b"version https://git-lfs",),
    "a NumPy file": (b"\x93NUMPY",),
}
"""What a file is by how it begins."""

BRANDS = {b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIC", b"avif": "an AVIF"}
"""Of pictures in the container that videos use as well."""


def looks_like(content: bytes) -> str:
    """Return what a file seems to be, with its article: "a web page (Log in)", "an empty file"."""
    if not content:
        return "an empty file"
    for name, beginnings in BEGINNINGS.items():
        if content.startswith(beginnings):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "a WebP"
    if content[4:8] == b"ftyp":
        return BRANDS.get(content[8:12], "a video")
    if content[128:132] == b"DICM":
        return "a DICOM file"
    return _text(content) or f"no known kind of file (it begins with {content[:8].hex(' ')})"


def is_web_page(content: bytes) -> bool:
    """Return whether it is HTML, as of a login page or a proxy."""
    head = _head(content).lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
        head.startswith(b"<") and b"<html" in head
    )


def _head(content: bytes) -> bytes:
    return content[:LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip()


def _text(content: bytes) -> str:
    """Return the kind of text it is, "" = none."""
    head = _head(content)
    if is_web_page(content):
        found = TITLE.search(head)
        title = " ".join(found[1].decode(errors="replace").split()) if found else ""
        return f"a web page ({title[:LONGEST_TITLE]})" if title else "a web page"
    if head.startswith(b"<"):
        return "an SVG drawing" if b"<svg" in head.lower() else "XML"
    if head[:1] in (b"{", b"[") and _may_be_json(head):
        return "JSON"
    try:
        text = content[:LOOKED_AT].decode()
    except UnicodeDecodeError as error:
        if error.start < len(content[:LOOKED_AT]) - 4:  # else a letter is cut in two
            return ""
        text = content[: error.start].decode()
    return "text" if all(c.isprintable() or c.isspace() for c in text) else ""


def _may_be_json(head: bytes) -> bool:
    try:
        json.loads(head)
    except json.JSONDecodeError as error:
        return error.pos > 1  # it is JSON up to where it was cut, or to its first mistake
    except ValueError:
        return False
    return True
