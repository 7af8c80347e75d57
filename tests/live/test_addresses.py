"""A real Label Studio under a path, under a second name, and behind a certificate of nobody known.

A proxy stands before it that takes the path off, once with http and once with https.
"""

import base64
import contextlib
from http.server import BaseHTTPRequestHandler

import httpx
import numpy as np
import pytest
from https_server import certify, serving
from relabel.demo import api, digits
from relabel.demo.servers import processes
from relabel.demo.servers.label_studio import Administrator, start_label_studio
from relabel.demo.upload import create_project
from relabel.errors import BadImageError, UnreachableError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.labels import parse_label_config
from relabel.labelstudio.payloads import read_task
from relabel.media.image.cache import ImageCache
from relabel.media.image.collect import collect_images
from relabel.media.image.decode import decode
from relabel.media.image.fetch import ImageFetcher
from relabel.settings import Settings

pytestmark = pytest.mark.live

ADMINISTRATOR = Administrator("admin@example.com", "admin-password", "c" * 40)
PATH = "/labelstudio"
HOP = ("host", "connection", "transfer-encoding", "content-length", "content-encoding")


def passing_on_to(port):
    """Return a handler that takes the path off and passes requests on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith(PATH + "/"):
                self.send_error(404, "another site")
                return
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            target = f"http://127.0.0.1:{port}{self.path.removeprefix(PATH)}"
            answer = httpx.get(target, headers=headers, trust_env=False, timeout=60.0)
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_args):
            pass

    return Handler


class Studio:
    """One Label Studio with a project of six images, and the ways to it."""

    def __init__(self, direct, port, secure_port, bundle, documents):
        self.direct = direct
        self.under_path = f"http://127.0.0.1:{port}{PATH}"
        self.secure = f"https://127.0.0.1:{secure_port}{PATH}"
        self.bundle = bundle
        data = digits.load(0.0, np.random.default_rng(0), 6)
        self.files = [digits.png(pixels) for pixels in data.pixels]
        with api.connect(direct, ADMINISTRATOR.token) as admin:
            self.project = create_project(admin, "Addresses")
            self._fill(admin, documents)

    def _fill(self, admin, documents):
        """Bring two uploads, two local files as a storage lists them, and two data: addresses."""
        place = f"/api/projects/{self.project}/import"
        uploads = {f"f{n}": (f"{n}.png", self.files[n], "image/png") for n in (0, 1)}
        admin.post(place, files=uploads)
        for n in (2, 3):
            (documents / f"{n} ä.png").write_bytes(self.files[n])
        values = {"project": self.project, "path": str(documents), "use_blob_urls": True}
        storage = api.post(admin, "/api/storages/localfiles", values)
        api.post(admin, f"/api/storages/localfiles/{storage['id']}/sync")
        coded = [base64.b64encode(self.files[n]).decode() for n in (4, 5)]
        api.post(admin, place, [{"image": f"data:image/png;base64,{text}"} for text in coded])

    @contextlib.contextmanager
    def known_as(self, url, folder, **settings):
        """Know Label Studio by an address; gives (client, fetcher, all that is read)."""
        settings = Settings(label_studio_url=url, **settings)
        client = LabelStudio(url, ADMINISTRATOR.token, ca_bundle=settings.ca_bundle)
        schema = parse_label_config(digits.label_config())
        tasks = [read_task(body, schema) for body in client.all_tasks(self.project)]
        cache = ImageCache(folder)
        fetcher = ImageFetcher(settings, client)
        references = [task.image for task in tasks]
        try:
            read = collect_images(
                self.project,
                [task.task_id for task in tasks],
                references,
                fetcher=fetcher,
                cache=cache,
            )
            yield client, references, [d and cache.read(d) for d in read[0]], read[1]
        finally:
            cache.close()
            client.close()


@pytest.fixture(scope="module")
def studio(label_studio_bin, tmp_path_factory):
    if not (label_studio_bin / "label-studio").exists():
        pytest.skip(f"Label Studio is not installed in {label_studio_bin}: run `make test`")
    folder = tmp_path_factory.mktemp("addresses")
    documents = folder / "documents" / "d"
    documents.mkdir(parents=True)
    certificate, key = certify(folder, "127.0.0.1")
    port = processes.free_port(0)
    handler = passing_on_to(port)
    with (
        serving(handler=handler) as path_port,
        serving(certificate, key, handler=handler) as secure_port,
    ):
        server = start_label_studio(
            label_studio_bin,
            folder / "data",
            port=port,
            administrator=ADMINISTRATOR,
            extra={
                "LABEL_STUDIO_HOST": f"http://127.0.0.1:{path_port}{PATH}",
                "LOCAL_FILES_SERVING_ENABLED": "true",
                "LOCAL_FILES_DOCUMENT_ROOT": str(documents.parent),
            },
        )
        try:
            yield Studio(server.url, path_port, secure_port, certificate, documents)
        finally:
            server.stop()


def test_label_studio_under_a_path_gives_every_image(studio, tmp_path):
    with studio.known_as(studio.under_path, tmp_path) as (client, references, contents, failures):
        assert client.own_name() == studio.under_path
        uploads, local_files = references[:2], references[2:4]
        assert all(reference.startswith(f"{PATH}/data/upload/") for reference in uploads)
        assert all(r.startswith(f"{studio.under_path}/data/local-files/?d=") for r in local_files)
        assert failures == {}
        assert contents == studio.files


def test_a_second_name_is_asked_for_by_the_setting_and_read_with_it(studio, tmp_path):
    with studio.known_as(studio.direct, tmp_path / "a") as (_, _, contents, failures):
        assert contents == ["", "", "", "", *studio.files[4:]]
        told = list(failures.values())
        wanted = f"""RELABEL_LABEL_STUDIO_ALIASES='["{studio.under_path}"]'"""
        assert all(wanted in reason for reason in told[2:])
        assert all(f'["{studio.direct}{PATH}"]' in reason for reason in told[:2])
    aliases = (studio.under_path,)
    with studio.known_as(studio.direct, tmp_path / "b", label_studio_aliases=aliases) as read:
        assert read[3] == {}
        assert read[2] == studio.files


def test_a_certificate_of_nobody_known_is_trusted_by_one_setting(studio, tmp_path):
    aliases = (studio.under_path,)
    with (
        pytest.raises(
            UnreachableError, match=r"nobody whom this machine trusts.*RELABEL_CA_BUNDLE"
        ),
        studio.known_as(studio.secure, tmp_path / "a"),
    ):
        pass
    settings = {"label_studio_aliases": aliases, "ca_bundle": studio.bundle}
    with studio.known_as(studio.secure, tmp_path / "b", **settings) as read:
        assert read[3] == {}
        assert read[2] == studio.files
        assert all(decode(content, max_pixels=100_000).size == (128, 128) for content in read[2])


def test_another_site_at_the_root_of_the_host_is_not_taken_for_label_studio(studio):
    root = studio.under_path.removesuffix(PATH)
    with pytest.raises(UnreachableError, match="not by Label Studio: set LABEL_STUDIO_URL"):
        LabelStudio(root, ADMINISTRATOR.token).project(studio.project)
    fetcher = ImageFetcher(Settings(), LabelStudio(studio.direct, ADMINISTRATOR.token))
    with pytest.raises(BadImageError, match="private address"):
        fetcher.fetch(1, f"{root}/data/upload/1/a.png")
