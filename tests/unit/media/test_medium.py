"""Every medium is one that labelling configs can show."""

import pytest
from relabel.labelstudio.labels import SUPPORTED
from relabel.media.registry import MEDIA


@pytest.mark.parametrize("name", MEDIA)
def test_the_tag_of_a_medium_is_one_that_is_supported(name):
    assert f"<{MEDIA[name].tag}>" in SUPPORTED
