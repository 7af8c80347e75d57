import base64

import pytest
from relabel.labelstudio.storage_links import as_stored

S3 = "s3://bucket/a b/ö.png"


def link(address, host="", kind="resolve"):
    coded = base64.urlsafe_b64encode(address.encode()).decode()
    return f"{host}/tasks/7/{kind}/?fileuri={coded}"


@pytest.mark.parametrize("host", ["", "https://ls.example.org", "http://localhost:8080/studio"])
@pytest.mark.parametrize("kind", ["resolve", "presign"])
@pytest.mark.parametrize("address", [S3, "gs://b/c", "azure-blob://x/y.jpg", "s3://b/" + "a" * 500])
def test_a_link_to_cloud_storage_becomes_the_address_that_it_stands_for(host, kind, address):
    assert as_stored(link(address, host, kind)) == address


def test_links_within_text_lists_and_objects_are_found():
    value = {"a": [link(S3), {"b": f'<img src="{link(S3)}"> and {link("gs://x/y")}'}], "n": 3}
    assert as_stored(value) == {"a": [S3, {"b": f'<img src="{S3}"> and gs://x/y'}], "n": 3}


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
