import base64
import time

import pytest
from relabel.labelstudio.answers import as_stored

S3 = "s3://bucket/a b/ö.png"


def link(address, host="", kind="resolve"):
    coded = base64.urlsafe_b64encode(address.encode()).decode()
    return f"{host}/tasks/7/{kind}/?fileuri={coded}"


@pytest.mark.parametrize("host", ["", "/studio", "https://ls.test", "http://localhost:8080/a/b"])
@pytest.mark.parametrize("kind", ["resolve", "presign"])
@pytest.mark.parametrize("address", [S3, "gs://b/c", "azure-blob://x/y.jpg", "s3://b/" + "a" * 500])
def test_a_link_to_cloud_storage_becomes_the_address_that_it_stands_for(host, kind, address):
    assert as_stored(link(address, host, kind)) == address


def test_links_within_text_lists_and_objects_are_found():
    value = {"a": [link(S3), {"b": f'<img src="{link(S3)}"> and {link("gs://x/y")}'}], "n": 3}
    assert as_stored(value) == {"a": [S3, {"b": f'<img src="{S3}"> and gs://x/y'}], "n": 3}


@pytest.mark.parametrize("part", ["/a", "https://", "A/b", "/tasks/7"])
def test_time_grows_with_the_length_of_a_text_and_no_faster(part):
    """Whoever writes into a task must not be able to hold a worker up."""

    def seconds(times):
        text = "data:" + part * times
        began = time.process_time()
        assert as_stored(text) == text
        return time.process_time() - began

    short = min(seconds(4_000) for _ in range(3))
    assert seconds(32_000) < 30 * short, "of eight times as much"


@pytest.mark.parametrize(
    "value",
    [
        "/data/upload/1/a.png",
        "https://elsewhere.org/tasks/7",
        "/tasks/7/resolve/?fileuri=/////",
        "/tasks/7/resolve/?fileuri=_w",
        S3,
        "",
        None,
        3.5,
    ],
)
def test_everything_else_stays_as_it_is(value):
    assert as_stored(value) == value
