from functools import partial

import numpy as np
import pytest
from PIL import Image
from relabel.errors import BadImageError, ConfigurationError
from relabel.learning.encoders.embed import embed
from relabel.media.image.decode import open_picture


def picture(row: int) -> Image.Image:
    pixels = np.random.default_rng(row).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def names(count: int) -> list[str]:
    return [f"digest-{row}" for row in range(count)]


def test_vectors_have_length_one(tmp_path):
    result = embed(picture, names(5), encoder="tiny", cache=tmp_path)
    assert np.linalg.norm(result.vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-6)
    assert result.vectors.dtype == np.float32


def test_a_second_run_loads_no_image_and_returns_the_same_vectors(tmp_path):
    first = embed(picture, names(7), encoder="tiny", cache=tmp_path)

    def refuse(row: int) -> Image.Image:
        raise AssertionError(f"image {row} was loaded again")

    second = embed(refuse, names(7), encoder="tiny", cache=tmp_path)
    np.testing.assert_array_equal(first.vectors, second.vectors)
    assert (first.computed, second.computed) == (7, 0)


def test_a_killed_run_continues_where_it_was(tmp_path):
    def dies(_stage: str, done: int, _total: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(picture, names(6), encoder="tiny", cache=tmp_path, batch_size=2, progress=dies)
    rest = embed(picture, names(6), encoder="tiny", cache=tmp_path)
    assert rest.computed == 2


def test_bad_images_are_named_and_the_others_embedded(tmp_path):
    def load(row: int) -> Image.Image:
        if row == 1:
            raise BadImageError("task 1: 404")
        return picture(row)

    result = embed(load, names(3), encoder="tiny", cache=tmp_path)
    assert result.failed == {1: "task 1: 404"}
    assert not result.vectors[1].any()
    assert result.vectors[[0, 2]].any(1).all()


def test_an_image_that_fails_while_it_is_decoded_is_bad_too(tmp_path):
    whole = tmp_path / "whole.png"
    picture(0).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:-600])
    load = partial(open_picture, cut.read_bytes(), max_pixels=1000)
    result = embed(lambda _: load(), ["cut"], encoder="tiny", cache=tmp_path / "cache")
    assert "cannot be decoded" in result.failed[0]


def test_equal_digests_are_embedded_once(tmp_path):
    result = embed(picture, ["same", "same"], encoder="tiny", cache=tmp_path)
    assert result.computed == 1
    np.testing.assert_array_equal(result.vectors[0], result.vectors[1])


def test_unequal_files_with_the_very_same_vector_are_named_largest_group_first(tmp_path):
    """Row 0 and 3 are one file; 1, 4 and 5 are three, of which nothing but black is left."""
    digests = ["a", "black 1", "b", "a", "black 2", "black 3", "c", "c saved anew"]
    black = Image.new("RGB", (20, 24))
    shown = {1: black, 4: black, 5: black, 7: picture(6)}
    result = embed(
        lambda row: shown.get(row, picture(row)).copy(), digests, encoder="tiny", cache=tmp_path
    )
    assert result.identical == ((1, 4, 5), (6, 7))
    again = embed(picture, digests, encoder="tiny", cache=tmp_path)
    assert again.identical == result.identical


def test_the_cache_is_one_file_per_encoder(tmp_path):
    embed(picture, names(30), encoder="tiny", cache=tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".sqlite"]


def test_progress_counts_the_missing_images(tmp_path):
    seen = []
    embed(picture, names(4), encoder="tiny", cache=tmp_path)
    embed(
        picture,
        names(9),
        encoder="tiny",
        cache=tmp_path,
        batch_size=2,
        progress=lambda *report: seen.append(report),
    )
    assert seen == [("embed", 2, 5), ("embed", 4, 5), ("embed", 5, 5)]


def test_an_unknown_encoder_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigurationError, match=r"'resnet-9'.*tiny"):
        embed(picture, names(1), encoder="resnet-9", cache=tmp_path)


def test_no_images_give_no_vectors(tmp_path):
    assert embed(picture, [], encoder="tiny", cache=tmp_path).vectors.shape[0] == 0
