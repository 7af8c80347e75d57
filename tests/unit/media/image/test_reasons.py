import base64
import io

import pytest
from PIL import Image
from relabel.errors import BadImageError
from relabel.labelstudio.client import LabelStudio
from relabel.media.image.decode import decode
from relabel.media.image.fetch import ImageFetcher
from relabel.media.image.reasons import kind_of
from relabel.settings import Settings

CUT = "a JPEG is damaged, cut off or of a rare kind"


def reason_of(content, max_pixels=1000):
    with pytest.raises(BadImageError) as error:
        decode(content, max_pixels=max_pixels)
    return str(error.value)


def jpeg(side):
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 90).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def refused(reference):
    fetcher = ImageFetcher(Settings(), LabelStudio("http://ls.test", "t"))
    with pytest.raises(BadImageError) as error:
        fetcher.fetch(1, reference)
    return str(error.value)


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (
            [reason_of(b"<html><title>Log in</title>" + b"x" * n) for n in (1, 2)],
            "cannot be decoded: a web page (Log in)",
        ),
        ([reason_of(b"")], "cannot be decoded: an empty file"),
        (
            [reason_of(jpeg(30)[:-n]) for n in (200, 300)],
            f"cannot be decoded: {CUT} (image file is truncated)",
        ),
        (
            [reason_of(jpeg(side)) for side in (40, 50)],
            "its pixels are more than 1000 (RELABEL_MAX_IMAGE_PIXELS)",
        ),
        (
            [refused(f"http://10.0.0.1/{name}.png") for name in "ab"],
            """10.0.0.1 is a private address; allow it with RELABEL_IMAGE_HOSTS='["10.0.0.1"]'""",
        ),
        (
            [
                refused("data:image/png;base64," + base64.b64encode(bytes(n)).decode() + "!")
                for n in (30, 60)
            ],
            "its base64 is damaged (Only base64 data is allowed)",
        ),
    ],
)
def test_reasons_that_differ_by_the_figures_of_one_image_are_of_one_kind(reasons, kind):
    assert len(set(reasons)) == len(reasons)
    assert {kind_of(reason) for reason in reasons} == {kind}
