"""Whatever has become of a user's file: it is read and the books balance, or one line names it."""

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from mutations import mutated, mutated_json
from PIL import Image
from relabel.errors import BadImageError, RelabelError
from relabel.files import told
from relabel.labelstudio.client import LabelStudio
from relabel.learning.encoders.embed import embed
from relabel.media.image.cache import ImageCache
from relabel.media.image.collect import collect_images
from relabel.media.image.decode import open_picture
from relabel.media.image.fetch import ImageFetcher
from relabel.policy import Policy, build_policy, parse_extra_params
from relabel.service.connected import policy_of
from relabel.settings import Settings
from relabel.simulation.data.books import by_class, with_first_labels
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.sources import load_dataset

FILES = int(os.environ.get("RELABEL_FUZZ_FILES", "50"))
"""Mutated files of each kind; a long run is RELABEL_FUZZ_FILES=2000 (`make fuzz`)."""

LONGEST = 3_000
"""Characters of a message: it names what is wrong, it does not repeat the file."""

# Pillow warns of odd metadata that changes no pixel; elsewhere every warning is an error.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def is_told(error: RelabelError, name: str) -> None:
    """The message is one line that names the file."""
    text = str(error)
    assert name in text
    assert "\n" not in text
    assert "object at 0x" not in text
    assert len(text) < LONGEST
    text.encode()


def balances(data: Dataset) -> None:
    """Every sample is in the books, and so is all that was left out on the way.

    That the parts of each book make its total is checked where a book is made.
    """
    told_of = by_class(data)
    assert told_of.accounts.book("samples").total == len(data)
    first = data.accounts.books[-1]
    assert sum(part.count for part in first.parts if part.used) == len(data)
    assert all(part.text and part.examples for part in first.left_out)
    for line in told_of.accounts.lines():
        line.encode()
        assert "\n" not in line
    json.dumps(told_of.accounts.to_json())


def each(folder: Path, name: str, content: bytes, mutate: Callable[..., bytes]) -> Iterator[int]:
    """Write one mutated file after the other."""
    for number in range(FILES):
        (folder / name).write_bytes(mutate(content, number))
        yield number


def picture(kind: int, seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 80, (20, 24, 3), dtype=np.uint8)
    pixels[4:15, 4:15, kind] += 150
    return Image.fromarray(pixels)


@pytest.fixture
def images(tmp_path):
    for kind, name in enumerate(("ball", "box")):
        (tmp_path / name).mkdir()
        for i in range(3):
            picture(kind, i).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_a_mutated_table_is_read_or_named(images):
    rows = [f"{c}/{i}.png,{c},{'box' if i else c}" for c in ("ball", "box") for i in range(3)]
    content = "\r\n".join(["image,truth,label", *rows, '"box/2.png",box,""']).encode()
    read = 0
    for _ in each(images, "labels.csv", content, mutated):
        try:
            data = load_dataset("csv", images)
        except RelabelError as error:
            is_told(error, str(images / "labels.csv"))
            continue
        balances(data)
        read += 1
        if data.given is not None and (data.given >= 0).sum() > 3:
            try:
                balances(with_first_labels(data))
            except RelabelError as error:
                is_told(error, data.name)
    assert 0 < read < FILES


def exported() -> bytes:
    def annotation(number, label, who):
        value = {"choices": [label]}
        region = {"type": "choices", "from_name": "c", "to_name": "i", "value": value}
        return {
            "id": number,
            "completed_by": who,
            "result": [region],
            "created_at": f"2026-01-0{1 + number % 9}T10:00:00Z",
            "was_cancelled": False,
        }

    tasks = [
        {
            "id": i,
            "data": {"image": f"/data/upload/{i}.png"},
            "annotations": [annotation(10 * i + j, ("cat", "dog")[(i + j) % 2], j) for j in (0, 1)],
            "predictions": [],
        }
        for i in range(1, 9)
    ]
    return json.dumps(tasks, indent=1).encode()


def test_a_mutated_export_is_read_or_named(tmp_path):
    read = 0
    for _ in each(tmp_path, "export.json", exported(), mutated_json):
        try:
            data = load_dataset("label_studio", tmp_path)
        except RelabelError as error:
            is_told(error, str(tmp_path / "export.json"))
            continue
        read += 1
        tasks, said = (data.accounts.book(name) for name in ("tasks", "annotations"))
        assert tasks.count("used") == len(data) == by_class(data).accounts.book("samples").total
        assert said.count("votes") >= len(data)
        assert all("\n" not in line for line in data.accounts.lines())
    assert 0 < read < FILES


POLICY = b"""encoder = "tiny"
selector = "ensemble"
window = 50
audit_share = 0.05
solo = false
cannot_tell = "cannot tell"

[selector_options]
of = ["linear", "linear"]
repeats = 2
"""


def test_a_mutated_policy_file_is_read_or_named(tmp_path):
    settings = Settings(policy_file=tmp_path / "policy.toml")
    read = 0
    for _ in each(tmp_path, "policy.toml", POLICY, mutated):
        try:
            policy = policy_of(settings, "")
        except RelabelError as error:
            is_told(error, f"RELABEL_POLICY_FILE = {tmp_path / 'policy.toml'}")
            continue
        assert isinstance(policy, Policy)
        assert len(policy.digest()) == 8
        read += 1
    assert 0 < read < FILES


@pytest.mark.parametrize(
    ("content", "mutate"),
    [(POLICY, mutated), (json.dumps({"window": 50, "solo": True}).encode(), mutated_json)],
    ids=["toml", "json"],
)
def test_mutated_extra_params_are_read_or_refused(content, mutate):
    read = 0
    for number in range(FILES):
        text = mutate(content, number).decode(errors="replace")
        try:
            build_policy(parse_extra_params(text))
        except RelabelError as error:
            is_told(error, "xtra params" if "xtra params" in str(error) else "olicy key")
            continue
        read += 1
    assert 0 < read < FILES


def pictures() -> list[tuple[str, bytes]]:
    """One picture of each format, and of the depths that need care."""
    made = []
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = np.linspace(0, 1, 20 * 24, dtype=np.float32).reshape(20, 24)
    for form, image, options in (
        ("PNG", picture(0, 1), {}),
        ("PNG", picture(0, 1).convert("P"), {"transparency": 3}),
        ("PNG", Image.fromarray((grey * 60_000).astype(np.uint16)), {}),
        ("JPEG", picture(1, 2), {"exif": exif}),
        ("JPEG", picture(1, 2), {"progressive": True}),
        ("GIF", picture(2, 3), {"save_all": True, "append_images": [picture(1, 4)]}),
        ("BMP", picture(0, 5), {}),
        ("TIFF", picture(0, 6), {"compression": "tiff_lzw", "exif": exif}),
        ("TIFF", Image.fromarray(grey), {}),
        ("WEBP", picture(1, 7), {"lossless": True}),
        ("PPM", picture(2, 8), {}),
    ):
        file = io.BytesIO()
        image.save(file, format=form, **options)
        made.append((form, file.getvalue()))
    return made


def test_a_mutated_image_is_read_or_named_by_a_simulation(images, tmp_path):
    """All in one folder: the images that are read make samples, the others stand in the books."""
    folder, formats = images / "box", pictures()
    for number in range(FILES):
        form, content = formats[number % len(formats)]
        (folder / f"{number}-mutated.{form.lower()}").write_bytes(mutated(content, number))
    found = load_dataset("image_folder", images)
    data = with_features(found, "tiny", tmp_path / "cache", max_pixels=10**6)
    assert np.isfinite(data.features).all()
    book = data.accounts.book("images")
    assert (book.total, book.count("used")) == (len(found), len(data)) == (6 + FILES, len(data))
    assert 6 < len(data) < len(found)
    unread = [path for path in found.paths if path not in set(data.paths)]
    (part,) = book.left_out
    assert part.count == part.kinds == len(unread)
    for example, path in zip(part.examples, unread, strict=False):
        is_told(BadImageError(str(example)), f"{path}: ")
    for path in unread[::20]:
        alone = found.rows(np.array([found.paths.index(path)]))
        with pytest.raises(RelabelError) as error:
            with_features(alone, "tiny", tmp_path / "cache", max_pixels=10**6)
        is_told(error.value, path)


def test_a_mutated_image_is_read_or_named_by_a_round(tmp_path):
    """Fetched, kept and embedded as in a round: a reason for each task that has no vector."""
    formats = pictures()
    contents = {
        f"/data/upload/1/{number}": mutated(formats[number % len(formats)][1], number)
        for number in range(FILES)
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=contents[request.url.path])

    label_studio = LabelStudio("http://ls.test", "t", transport=httpx.MockTransport(answer))
    fetcher = ImageFetcher(Settings(), label_studio)
    cache = ImageCache(tmp_path / "images")
    digests, failed = collect_images(
        1, list(range(FILES)), list(contents), fetcher=fetcher, cache=cache
    )
    assert failed == {}
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents.values()]

    def load(row: int) -> Image.Image:
        return open_picture(cache.read(digests[row]), max_pixels=10**6)

    result = embed(load, digests, encoder="tiny", cache=tmp_path / "vectors")
    cache.close()
    assert np.isfinite(result.vectors).all()
    lengths = np.linalg.norm(result.vectors, axis=1)
    for row in range(FILES):
        assert row not in result.failed or lengths[row] == 0
        reason = result.failed.get(row, "read")
        assert "\n" not in reason
        assert "object at 0x" not in reason
        assert len(reason) < LONGEST
    assert 0 < len(result.failed) < FILES


NAMES = (
    "x.png",
    "x",
    ".hidden",
    "Thumbs.db",
    "__MACOSX",
    "train",
    "val",
    "ball ",
    "BALL",
    "a\nb",
    "\udcff",
    "ünï",
    "x.txt",
    "-",
    "nan",
)


def grown(folder: Path, rng: np.random.Generator) -> None:
    """Fill a folder with folders, files, links and pipes of all names."""
    places = [folder]
    for _ in range(int(rng.integers(1, 25))):
        name = NAMES[int(rng.integers(len(NAMES)))]
        path = places[int(rng.integers(len(places)))] / name
        if os.path.lexists(path):
            continue
        kind = int(rng.integers(7))
        if kind < 2:
            path.mkdir()
            places.append(path)
        elif kind < 4:
            picture(int(rng.integers(3)), 1).save(path, format="PNG")
        elif kind == 4:
            path.write_bytes(rng.bytes(20))
        elif kind == 5:
            path.symlink_to(places[int(rng.integers(len(places)))])
        else:
            os.mkfifo(path)


def test_a_folder_of_anything_is_read_or_named(tmp_path):
    read = 0
    for number in range(FILES):
        folder = tmp_path / f"f{number}"
        folder.mkdir()
        grown(folder, np.random.default_rng(number))
        try:
            data = load_dataset("image_folder", folder)
        except RelabelError as error:
            is_told(error, told(folder))
            continue
        read += 1
        balances(data)
        assert data.distributions.sum(0).min() > 0
        files = {os.path.realpath(path) for path in data.paths}
        assert all(Path(path).is_file() for path in files)
    assert 0 < read < FILES


def test_the_check_of_a_message_is_one():
    for text in ("nothing", "name\nin two lines", "name" * LONGEST, "name <x object at 0x1>"):
        with pytest.raises(AssertionError):
            is_told(BadImageError(text), "name")
