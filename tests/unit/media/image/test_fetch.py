import base64
import contextlib
import gzip
import itertools
import socket
import tracemalloc

import httpx
import pytest
from https_server import certify, serving
from relabel.errors import BadImageError, PassingImageError
from relabel.labelstudio.client import LabelStudio
from relabel.media.image.fetch import MAX_REDIRECTS, ImageFetcher
from relabel.settings import Settings

URL = "http://ls.test"
TOKEN = "a" * 40
PUBLIC = "93.184.215.14"
"""A literal address needs no name server."""
PICTURE = b"\x89PNG picture"


class Server:
    """Answers by address, and remembers what was asked for, in one place for both clients."""

    def __init__(self, url=URL, **settings):
        self.answers = {}
        self.requests = []
        self.settings = Settings(max_image_bytes=1000, **settings)
        transport = httpx.MockTransport(self._answer)
        self.fetcher = ImageFetcher(
            self.settings, LabelStudio(url, TOKEN, transport=transport), transport=transport
        )

    def _answer(self, request):
        self.requests.append(request)
        answer = self.answers.get(str(request.url), httpx.Response(404))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def give(self, address, **answer):
        self.answers[address] = httpx.Response(**({"status_code": 200} | answer))

    def fetch(self, reference):
        return self.fetcher.fetch(7, reference)

    def hosts_with_token(self):
        return {r.url.host for r in self.requests if TOKEN in r.headers.get("authorization", "")}


@pytest.fixture
def server():
    return Server()


def redirect(target):
    return {"status_code": 302, "headers": {"location": target}}


@pytest.mark.parametrize(
    "reference",
    ["/data/upload/1/a.png", f"{URL}/data/upload/1/a.png", "/data/local-files/?d=a.png"],
)
def test_what_label_studio_holds_is_read_with_its_token(server, reference):
    server.give(URL + reference.removeprefix(URL), content=PICTURE)
    assert server.fetch(reference) == PICTURE
    assert server.hosts_with_token() == {"ls.test"}


def test_other_addresses_are_read_without_the_token(server):
    server.give(f"https://{PUBLIC}/a.png", content=PICTURE)
    assert server.fetch(f"https://{PUBLIC}/a.png") == PICTURE
    assert server.hosts_with_token() == set()


@pytest.mark.parametrize(
    "reference",
    [
        "http://ls.test.evil.example/a.png",
        "http://ls.test@127.0.0.1/a.png",
        "//127.0.0.1/a.png",
        "http://ls.test:81/a.png",
    ],
)
def test_look_alikes_of_label_studio_never_get_the_token(reference):
    server = Server(image_hosts=("ls.test.evil.example", "127.0.0.1"))
    for host in ("ls.test.evil.example", "127.0.0.1", "ls.test:81"):
        server.give(f"http://{host}/a.png", content=PICTURE)
    with contextlib.suppress(BadImageError):
        server.fetch(reference)
    assert server.hosts_with_token() <= {"ls.test"}
    assert all(r.url.port != 81 for r in server.requests if "authorization" in r.headers)


def test_a_redirect_of_label_studio_is_followed_without_the_token(server):
    server.give(f"{URL}/data/upload/1/a.png", **redirect(f"https://{PUBLIC}/signed?x=1"))
    server.give(f"https://{PUBLIC}/signed?x=1", content=PICTURE)
    assert server.fetch("/data/upload/1/a.png") == PICTURE
    assert server.hosts_with_token() == {"ls.test"}
    assert "authorization" not in server.requests[-1].headers


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "[::1]",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fec0::1]",
    "[ff02::1]",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "localhost",
    "2130706433",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_hosts_are_not_asked(server, host):
    server.give(f"http://{host}/a.png", content=PICTURE)
    with pytest.raises(BadImageError, match="private address; allow it with RELABEL_IMAGE_HOSTS"):
        server.fetch(f"http://{host}/a.png")
    assert server.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254"])
@pytest.mark.parametrize("via", [f"https://{PUBLIC}/a.png", "/data/upload/1/a.png"])
def test_redirects_to_private_hosts_are_not_followed(server, via, host):
    start = via if via.startswith("https") else URL + via
    server.give(start, **redirect(f"http://{host}/latest/meta-data"))
    with pytest.raises(BadImageError, match="private address"):
        server.fetch(via)
    assert {r.url.host for r in server.requests} == {httpx.URL(start).host}


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://h/a.png", "gopher://h/"])
def test_redirects_to_other_schemes_are_not_followed(server, target):
    server.give(f"https://{PUBLIC}/a.png", **redirect(target))
    with pytest.raises(BadImageError, match="redirected to a"):
        server.fetch(f"https://{PUBLIC}/a.png")


# -- names that lead elsewhere the second time -----------------------------------------------
class Names:
    """A name server that gives its answers one after another, the last again and again."""

    def __init__(self, monkeypatch, *answers):
        self.answers = list(answers)
        self.asked = []
        real = socket.getaddrinfo

        def look_up(host, port, *args, **options):
            if not str(host).endswith(".example"):
                return real(host, port, *args, **options)
            self.asked.append(host)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return [(0, 0, 0, "", (address, port)) for address in answer]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_the_machine_that_was_checked_is_the_one_that_is_asked(server, monkeypatch):
    """DNS rebinding: the name leads into the network as soon as it was checked."""
    names = Names(monkeypatch, [PUBLIC], ["127.0.0.1"])
    server.give(f"https://{PUBLIC}:8443/a.png?x=1", content=PICTURE)
    assert server.fetch("https://bücher.example:8443/a.png?x=1") == PICTURE
    assert names.asked == ["bücher.example"]
    (request,) = server.requests
    assert request.url.host == PUBLIC
    assert request.headers["host"] == "xn--bcher-kva.example:8443"
    assert request.extensions["sni_hostname"] == "xn--bcher-kva.example"


def test_a_name_with_one_private_address_among_others_is_not_asked(server, monkeypatch):
    Names(monkeypatch, [PUBLIC, "10.0.0.1"])
    with pytest.raises(BadImageError, match="private address"):
        server.fetch("https://pictures.example/a.png")
    assert server.requests == []


def test_every_redirect_is_looked_up_anew(server, monkeypatch):
    Names(monkeypatch, [PUBLIC], ["127.0.0.1"])
    server.give(f"https://{PUBLIC}/a.png", **redirect("https://other.example/b.png"))
    with pytest.raises(BadImageError, match=r"other\.example is a private address"):
        server.fetch("https://pictures.example/a.png")
    assert len(server.requests) == 1


def test_the_next_machine_of_a_name_is_asked_when_one_is_away(server, monkeypatch):
    Names(monkeypatch, ["93.184.215.15", PUBLIC])
    server.answers["https://93.184.215.15/a.png"] = httpx.ConnectError("away")
    server.give(f"https://{PUBLIC}/a.png", content=PICTURE)
    assert server.fetch("https://pictures.example/a.png") == PICTURE


def test_allowed_names_are_not_looked_up_here(monkeypatch):
    server = Server(image_hosts=("inside.example",))
    names = Names(monkeypatch, ["10.0.0.1"])
    server.give("http://inside.example/a.png", content=PICTURE)
    assert server.fetch("http://inside.example/a.png") == PICTURE
    assert names.asked == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate for pictures.example and for loopback, and its key."""
    return certify(tmp_path_factory.mktemp("authority"), "pictures.example", "127.0.0.1")


@pytest.mark.parametrize(("name", "answer"), [("pictures.example", True), ("other.example", False)])
def test_a_certificate_is_checked_against_the_name_and_not_the_machine(
    authority, monkeypatch, name, answer
):
    Names(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr("relabel.media.image.addresses.is_public", lambda _address: True)
    fetcher = ImageFetcher(Settings(ca_bundle=authority[0]), LabelStudio(URL, TOKEN))
    with serving(*authority) as port:
        if answer:
            assert fetcher.fetch(1, f"https://{name}:{port}/a") == f'"{name}:{port}"'.encode()
        else:
            with pytest.raises(BadImageError, match=r"for another name .*other\.example"):
                fetcher.fetch(1, f"https://{name}:{port}/a")


def test_one_bundle_serves_label_studio_and_images_from_allowed_hosts(authority):
    settings = Settings(ca_bundle=authority[0], image_hosts=("127.0.0.1",))
    with serving(*authority) as port:
        url = f"https://127.0.0.1:{port}"
        fetcher = ImageFetcher(settings, LabelStudio(url, TOKEN, ca_bundle=authority[0]))
        expected = f'"127.0.0.1:{port}"'.encode()
        assert fetcher.fetch(1, "/data/upload/1/a.png") == expected
        elsewhere = ImageFetcher(settings, LabelStudio(URL, TOKEN))
        assert elsewhere.fetch(1, f"{url}/a.png") == expected


def test_without_the_bundle_the_reason_asks_for_it_and_lasts(authority):
    fetcher = ImageFetcher(Settings(image_hosts=("127.0.0.1",)), LabelStudio(URL, TOKEN))
    with serving(*authority) as port, pytest.raises(BadImageError) as error:
        fetcher.fetch(1, f"https://127.0.0.1:{port}/a.png")
    assert "set RELABEL_CA_BUNDLE" in str(error.value)
    assert not isinstance(error.value, PassingImageError)


def test_images_never_go_through_a_proxy_of_the_environment(monkeypatch):
    """It would look the name up for itself, and reach what we must not."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetcher = ImageFetcher(Settings(image_hosts=("127.0.0.1",)), LabelStudio(URL, TOKEN))
    with serving() as port:
        assert fetcher.fetch(1, f"http://127.0.0.1:{port}/a.png")


def test_private_hosts_may_be_allowed():
    server = Server(image_hosts=("10.1.2.3",))
    server.give("http://10.1.2.3/a.png", content=PICTURE)
    assert server.fetch("http://10.1.2.3/a.png") == PICTURE


def test_an_endless_chain_of_redirects_ends(server):
    server.give(f"https://{PUBLIC}/a", **redirect("/a"))
    with pytest.raises(BadImageError, match=f"more than {MAX_REDIRECTS} redirects"):
        server.fetch(f"https://{PUBLIC}/a")
    assert len(server.requests) == MAX_REDIRECTS


@pytest.mark.parametrize("reference", [f"https://{PUBLIC}/a.png", "/data/upload/1/a.png"])
def test_an_image_over_the_limit_is_not_read_to_its_end(server, reference):
    """Where the bytes come from must not matter: an endless one would fill the memory."""
    given = itertools.count()

    def endless():
        while next(given) < 100:
            yield b"x" * 65_536

    address = reference if reference.startswith("https") else URL + reference
    server.give(address, content=endless())
    with pytest.raises(BadImageError, match=r"larger than 1000 bytes \(RELABEL_MAX_IMAGE_BYTES"):
        server.fetch(reference)
    assert next(given) < 5


def test_a_compressed_answer_is_measured_unpacked(server):
    content = gzip.compress(b"x" * 5000)
    assert len(content) < 1000
    server.give(f"https://{PUBLIC}/a", content=content, headers={"content-encoding": "gzip"})
    with pytest.raises(BadImageError, match="larger than"):
        server.fetch(f"https://{PUBLIC}/a")


def test_an_answer_that_is_wrongly_compressed_is_a_bad_image(server):
    server.give(
        f"https://{PUBLIC}/a",
        headers={"content-encoding": "gzip"},
        stream=httpx.ByteStream(b"no gzip"),
    )
    with pytest.raises(BadImageError, match="wrongly compressed"):
        server.fetch(f"https://{PUBLIC}/a")


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_the_status_of_a_missing_image_is_told(server, status):
    server.give(f"{URL}/data/upload/1/a.png", status_code=status)
    with pytest.raises(BadImageError, match=f"/data/upload/1/a.png: answered {status}"):
        server.fetch("/data/upload/1/a.png")


@pytest.mark.parametrize(
    "reference",
    [f"https://{PUBLIC}/a.png?X-Amz-Signature=secret", f"https://user:secret@{PUBLIC}/a.png"],
)
def test_the_signature_and_the_password_of_an_address_are_not_told(server, reference):
    with pytest.raises(BadImageError, match=r"a\.png: answered 404") as error:
        server.fetch(reference)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (httpx.ConnectError("no"), "ConnectError: no"),
        (httpx.ConnectTimeout("slow"), "no connection came about in time"),
        (httpx.ReadTimeout("slow"), "no answer in time.*RELABEL_IMAGE_TIMEOUT_SECONDS"),
    ],
)
def test_a_server_that_does_not_answer_now_may_be_asked_again(server, error, message):
    server.answers[f"https://{PUBLIC}/a.png"] = error
    with pytest.raises(PassingImageError, match=message):
        server.fetch(f"https://{PUBLIC}/a.png")


@pytest.mark.parametrize(
    ("number", "kind"), [("EAI_NONAME", BadImageError), ("EAI_AGAIN", PassingImageError)]
)
def test_a_name_that_nobody_knows_lasts_and_a_silent_name_server_passes(
    server, monkeypatch, number, kind
):
    def look_up(*_args, **_options):
        raise socket.gaierror(getattr(socket, number), "no")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(BadImageError, match="name of the host is unknown here") as error:
        server.fetch("https://pictures.example/a.png")
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "no image address"),
        ("a.png", "neither an address nor a path"),
        ("//127.0.0.1/a.png", "neither an address nor a path"),
        ("file:///etc/passwd", "kind file:// are not supported"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://h:99999999/a", "there is no port 99999999"),
        ("https://" + "a" * 80 + ".org/a", "aaa.org/a: this is no address of the web"),
        ("https:///a.png", "name of the host is unknown|private|no address"),
        ("https://h\x00/a", "this is no address of the web"),
        ("/data/\x00/a", "this is no address of the web"),
    ],
)
def test_a_reference_that_is_no_address_is_a_bad_image(server, reference, message):
    """One odd task must not end a round."""
    with pytest.raises(BadImageError, match=message):
        server.fetch(reference)


@pytest.mark.parametrize(
    "reference",
    ["/api/users/", f"{URL}/api/current-user/token", "/projects/1/next", "/data", "/DATA/a.png"],
)
def test_the_token_opens_nothing_but_images(server, reference):
    """Whoever may write into a task could otherwise read anything in our name."""
    with pytest.raises(BadImageError, match="answered 404"):
        server.fetch(reference)
    assert len(server.requests) == 1
    assert server.hosts_with_token() == set()


@pytest.mark.parametrize(
    "reference",
    [
        "/data/../api/current-user/token",
        "/data/upload/../../api/current-user/token",
        "/data/%2e%2e/api/users/",
        "/data/%2E%2E%2Fapi/users/",
        "/data/%252e%252e/%252e%252e/api/users/",
        "/data/..%5capi/users/",
        "/static/..\\api",
        f"{URL}/data/../api/users/",
        "/tasks/7/resolve/../../../api/users/",
    ],
)
def test_paths_that_lead_upwards_are_not_asked_for(server, reference):
    with pytest.raises(BadImageError, match="leads upwards"):
        server.fetch(reference)
    assert server.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/data/upload/1/a..b.png",
        "/data/upload/1/...png",
        "/storage-data/uploaded/?filepath=upload/1/a.png",
        "/tasks/7/resolve/?fileuri=czM6Ly9iL2E=",
        "/api/projects/3/file-proxy/?url=aHR0cHM6Ly94",
        "/static/samples/sample.jpg",
    ],
)
def test_every_place_of_images_in_label_studio_is_read(server, path):
    server.give(URL + path, content=PICTURE)
    assert server.fetch(path) == PICTURE
    assert server.hosts_with_token() == {"ls.test"}


# -- the addresses of Label Studio -----------------------------------------------------------
STUDIO = "http://studio.test/labelstudio"
PATHS = [
    "/data/upload/1/a.png",
    "/data/local-files/?d=d/a%20b.png",
    "/storage-data/uploaded/?filepath=upload/1/a.png",
    "/tasks/7/resolve/?fileuri=czM6Ly9iL2E=",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "before", ["", "/labelstudio", STUDIO, "http://STUDIO.test:80/labelstudio"]
)
def test_label_studio_under_a_path_is_read_whether_or_not_the_path_is_said(before, path):
    server = Server(STUDIO)
    server.give(STUDIO + path, content=PICTURE)
    assert server.fetch(before + path) == PICTURE
    assert server.hosts_with_token() == {"studio.test"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "before", [STUDIO, "/labelstudio", "https://second.example", "https://second.example:443", ""]
)
def test_label_studio_under_a_second_name_is_read_at_the_address_that_is_known(before, path):
    """The second name may lead anywhere: it is never asked."""
    server = Server(URL, label_studio_aliases=(STUDIO, "https://second.example/"))
    server.give(URL + path, content=PICTURE)
    assert server.fetch(before + path) == PICTURE
    assert [r.url.host for r in server.requests] == ["ls.test"]
    assert server.hosts_with_token() == {"ls.test"}


@pytest.mark.parametrize(
    "reference",
    [
        "https://studio.test/labelstudio/data/upload/1/a.png",
        "http://studio.test:8080/labelstudio/data/upload/1/a.png",
        "http://studio.test/data/upload/1/a.png",
        "http://studio.test/labelstudio2/data/upload/1/a.png",
        "http://studio.test.evil.example/labelstudio/data/upload/1/a.png",
        "http://studio.test@evil.example/labelstudio/data/upload/1/a.png",
        "http://evil.example/http://studio.test/labelstudio/data/upload/1/a.png",
        "http://evil.example/labelstudio/data/upload/1/a.png",
    ],
)
@pytest.mark.parametrize("url", [URL, STUDIO])
def test_scheme_host_port_and_path_must_all_be_alike(reference, url):
    hosts = ("studio.test", "studio.test.evil.example", "evil.example")
    server = Server(url, label_studio_aliases=(STUDIO,), image_hosts=hosts)
    with pytest.raises(BadImageError, match="answered 404"):
        server.fetch(reference)
    assert server.hosts_with_token() == set()
    assert server.requests


ELSEWHERE = "http://evil.example"


def said_by_a_task(_server):
    return f"{ELSEWHERE}/data/upload/1/a.png"


def said_by_label_studio(server):
    server.give(f"{URL}/data/upload/1/a.png", **redirect(f"{ELSEWHERE}/data/upload/1/a.png"))
    return "/data/upload/1/a.png"


def said_by_a_storage(server):
    coded = base64.urlsafe_b64encode(b"s3://b/a").decode()
    ask = str(httpx.URL(f"{URL}/tasks/7/presign/", params={"fileuri": coded}))
    server.give(ask, **redirect(f"{ELSEWHERE}/data/upload/1/a.png"))
    return "s3://b/a"


def said_by_another_server(server):
    server.give(f"https://{PUBLIC}/a", **redirect(f"{ELSEWHERE}/data/upload/1/a.png"))
    return f"https://{PUBLIC}/a"


def said_by_several_in_a_row(server):
    server.give(f"{URL}/data/upload/1/a.png", **redirect("/data/upload/1/b.png"))
    server.give(f"{URL}/data/upload/1/b.png", **redirect(f"{ELSEWHERE}/data/upload/1/c.png"))
    server.give(f"{ELSEWHERE}/data/upload/1/c.png", **redirect("/data/upload/1/a.png"))
    return "/data/upload/1/a.png"


@pytest.mark.parametrize(
    "said",
    [
        said_by_a_task,
        said_by_label_studio,
        said_by_a_storage,
        said_by_another_server,
        said_by_several_in_a_row,
    ],
)
def test_whatever_names_another_address_the_token_does_not_go_there(said):
    server = Server(image_hosts=("evil.example",))
    server.give(f"{ELSEWHERE}/data/upload/1/a.png", content=PICTURE)
    assert server.fetch(said(server)) == PICTURE
    elsewhere = [r for r in server.requests if r.url.host != "ls.test"]
    assert elsewhere
    assert all("authorization" not in r.headers for r in elsewhere)
    assert all("cookie" not in r.headers for r in elsewhere)


def test_a_redirect_within_label_studio_keeps_the_token_and_ends(server):
    server.give(f"{URL}/data/local-files?d=a", **redirect(f"{URL}/data/local-files/?d=a"))
    server.give(f"{URL}/data/local-files/?d=a", content=PICTURE)
    assert server.fetch("/data/local-files?d=a") == PICTURE
    assert all("authorization" in r.headers for r in server.requests)
    server.give(f"{URL}/data/a", **redirect("/data/a"))
    with pytest.raises(BadImageError, match=f"more than {MAX_REDIRECTS} redirects"):
        server.fetch("/data/a")


def test_a_redirect_to_the_login_page_is_told_and_not_followed(server):
    server.give(f"{URL}/data/upload/1/a.png", **redirect("/user/login/?next=/data/upload/1/a.png"))
    with pytest.raises(
        BadImageError, match="redirects to /user/login/, which is no image; may the"
    ):
        server.fetch("/data/upload/1/a.png")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reference", "setting"),
    [
        (
            "http://127.0.0.1:8799/labelstudio/data/local-files/?d=a.png",
            """RELABEL_LABEL_STUDIO_ALIASES='["http://127.0.0.1:8799/labelstudio"]'""",
        ),
        (
            f"https://{PUBLIC}/data/upload/1/a.png",
            f"""RELABEL_LABEL_STUDIO_ALIASES='["https://{PUBLIC}"]'""",
        ),
        (
            "/labelstudio/data/upload/1/a.png",
            f"""RELABEL_LABEL_STUDIO_ALIASES='["{URL}/labelstudio"]'""",
        ),
        ("http://10.0.0.1/a.png", """RELABEL_IMAGE_HOSTS='["10.0.0.1"]'"""),
    ],
)
def test_the_reason_of_a_refused_image_is_one_line_that_names_the_setting(
    server, reference, setting
):
    with pytest.raises(BadImageError) as error:
        server.fetch(reference)
    assert setting in str(error.value)
    assert "\n" not in str(error.value)


def test_an_image_of_label_studio_itself_that_is_gone_asks_for_no_setting(server):
    with pytest.raises(BadImageError, match=r"a\.png: answered 404$"):
        server.fetch(f"{URL}/data/upload/1/a.png")


def test_local_files_are_read_from_disk_under_any_name_of_label_studio(tmp_path):
    (tmp_path / "a.png").write_bytes(PICTURE)
    server = Server(
        STUDIO, local_files_root=tmp_path, label_studio_aliases=("https://second.test",)
    )
    for before in ("", "/labelstudio", STUDIO, "https://second.test"):
        assert server.fetch(f"{before}/data/local-files/?d=a.png") == PICTURE
    assert server.requests == []


# -- pictures in the task itself -------------------------------------------------------------
CODED = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize(
    ("reference", "content"),
    [
        (f"data:image/png;base64,{CODED}", PICTURE),
        (f"DATA:image/png;charset=x; BASE64,{CODED}", PICTURE),
        (f"data:;base64,{CODED[:5]}\n {CODED[5:]}", PICTURE),
        (f"data:;base64,{CODED}eA==", PICTURE + b"x"),
        (f"data:;base64,{CODED}eA%3D%3D", PICTURE + b"x"),
        (f"data:;base64,{CODED}eA", PICTURE + b"x"),
        ("data:image/png,%89PNG%20picture", PICTURE),
        ("data:,%89PNG picture", PICTURE),
    ],
)
def test_a_picture_in_the_task_itself_is_read_without_asking_anybody(server, reference, content):
    assert server.fetch(reference) == content
    assert server.requests == []


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("data:image/png;base64", "no comma before its content"),
        (f"data:image/png;base64,{CODED}!{CODED}", "its base64 is damaged"),
        (f"data:image/png;base64,{CODED}a", "its base64 is damaged"),
        ("data:image/png;base64," + CODED * 100, r"larger than 1000 bytes \(RELABEL_MAX_IMAGE_B"),
        ("data:image/png;base64," + CODED * 10_000, "larger than 1000 bytes"),
        ("data:," + "%89" * 1001, "larger than 1000 bytes"),
    ],
)
def test_a_bad_picture_in_the_task_is_told_without_the_picture(server, reference, message):
    with pytest.raises(BadImageError, match=message) as error:
        server.fetch(reference)
    assert CODED not in str(error.value)
    assert "%89" not in str(error.value)
    assert len(str(error.value)) < 200


def test_too_large_a_picture_in_the_task_is_refused_before_it_is_unpacked(server):
    reference = "data:;base64," + "A" * 50_000_000
    tracemalloc.start()
    try:
        with pytest.raises(BadImageError, match="larger than"):
            server.fetch(reference)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000, "one copy of the text, none of what it holds"


# -- cloud storage ---------------------------------------------------------------------------
@pytest.mark.parametrize("scheme", ["s3", "gs", "azure-blob"])
def test_cloud_images_come_through_the_presigned_link_of_their_task(server, scheme):
    reference = f"{scheme}://bucket/a b.png"
    coded = base64.urlsafe_b64encode(reference.encode()).decode()
    ask = str(httpx.URL(f"{URL}/tasks/7/presign/", params={"fileuri": coded}))
    server.give(ask, **redirect(f"https://{PUBLIC}/signed"))
    server.give(f"https://{PUBLIC}/signed", content=PICTURE)
    assert server.fetch(reference) == PICTURE
    assert server.hosts_with_token() == {"ls.test"}


def test_a_cloud_image_without_presigned_link_says_what_to_check(server):
    with pytest.raises(BadImageError, match=r"no presigned link \(404\); check the .* storage"):
        server.fetch("s3://bucket/a.png")


def test_a_presigned_link_to_a_private_host_is_not_followed(server):
    coded = base64.urlsafe_b64encode(b"s3://b/a").decode()
    ask = str(httpx.URL(f"{URL}/tasks/7/presign/", params={"fileuri": coded}))
    server.give(ask, **redirect("http://10.0.0.1/minio"))
    with pytest.raises(BadImageError, match="private address"):
        server.fetch("s3://b/a")


# -- local files -----------------------------------------------------------------------------
@pytest.fixture
def disk(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a b+c%20.png").write_bytes(PICTURE)
    (root / "large.png").write_bytes(b"x" * 1001)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    return Server(local_files_root=root)


def test_mounted_files_are_read_from_disk_without_asking_label_studio(disk):
    assert disk.fetch("/data/local-files/?d=a%20b%2Bc%2520.png") == PICTURE
    assert disk.requests == []


@pytest.mark.parametrize(
    "path",
    ["../secret.png", "%2E%2E/secret.png", "x/../../secret.png", "link.png", "%2e%2e%2fsecret.png"],
)
def test_paths_that_leave_the_root_are_refused(disk, path):
    with pytest.raises(BadImageError, match="leads outside the document root"):
        disk.fetch(f"/data/local-files/?d={path}")


def test_an_absolute_path_means_one_below_the_root(disk):
    with pytest.raises(BadImageError, match="No such file or directory on disk"):
        disk.fetch("/data/local-files/?d=/etc/passwd")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.png", "No such file or directory on disk"),
        ("large.png", "larger than 1000 bytes"),
        ("", "is no file on disk"),
        ("a%00b", "ValueError"),
    ],
)
def test_files_that_cannot_be_used_say_why(disk, path, message):
    with pytest.raises(BadImageError, match=message):
        disk.fetch(f"/data/local-files/?d={path}")
