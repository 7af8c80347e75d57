"""Each way of not being answered, by real sockets where one can be had on loopback."""

import contextlib
import socket
import ssl
import threading

import httpx
import pytest
from https_server import certify, serving
from relabel.http.reach import cause, is_lasting, proxy_of, trusted


@contextlib.contextmanager
def listening(answer=None):
    """Take connections; give bytes and hang up, or (None) never say anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(answer)

        if answer is not None:
            threading.Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]


def error_of(url, **options):
    with pytest.raises(httpx.RequestError) as raised:
        httpx.get(url, **({"trust_env": False, "timeout": 5.0} | options))
    return raised.value


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certify(tmp_path_factory.mktemp("authority"), "localhost")


def test_a_certificate_of_nobody_known_asks_for_the_bundle(authority):
    with serving(*authority) as port:
        error = error_of(f"https://localhost:{port}/")
    assert "nobody whom this machine trusts (self-signed certificate)" in cause(error)
    assert "RELABEL_CA_BUNDLE" in cause(error)
    assert is_lasting(error)


def test_a_bundle_is_trusted_besides_the_usual_authorities(authority):
    with serving(*authority) as port:
        answer = httpx.get(f"https://localhost:{port}/", verify=trusted(authority[0]))
    assert answer.status_code == 200
    usual = len(trusted(None).get_ca_certs())
    assert len(trusted(authority[0]).get_ca_certs()) == usual + 1


def test_a_certificate_for_another_name_says_for_which(authority):
    with serving(*authority) as port:
        error = error_of(f"https://127.0.0.1:{port}/", verify=trusted(authority[0]))
    assert "for another name" in cause(error)
    assert "127.0.0.1" in cause(error)
    assert is_lasting(error)


def test_a_certificate_after_its_time_says_so():
    error = ssl.SSLCertVerificationError(1, "certificate has expired")
    error.verify_code, error.verify_message = 10, "certificate has expired"
    assert "not valid now (certificate has expired): renew it" in cause(error)


def test_https_on_a_port_of_http_is_told():
    with serving() as port:
        error = error_of(f"https://localhost:{port}/")
    assert "no https is spoken there (wrong version number): write http://" in cause(error)
    assert is_lasting(error)


def test_http_on_a_port_of_https_is_told(authority):
    with serving(*authority) as port:
        error = error_of(f"http://localhost:{port}/")
    assert "wants https://" in cause(error)


def test_a_port_where_nothing_listens_is_told_and_may_listen_soon():
    with listening() as port:
        pass
    error = error_of(f"http://127.0.0.1:{port}/")
    assert "refused: nothing listens there" in cause(error)
    assert not is_lasting(error)


@pytest.mark.parametrize(("number", "lasting"), [("EAI_NONAME", True), ("EAI_AGAIN", False)])
def test_an_unknown_name_is_told_and_lasts_if_the_name_server_is_sure(monkeypatch, number, lasting):
    def look_up(*_args, **_options):
        raise socket.gaierror(getattr(socket, number), "no")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    error = error_of("http://studio.example/")
    assert "name of the host is unknown here" in cause(error)
    assert is_lasting(error) is lasting


def test_a_host_without_a_way_to_it_is_told(monkeypatch):
    def connect(*_args, **_options):
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket, "create_connection", connect)
    assert "no way to that host" in cause(error_of("http://127.0.0.1:9/"))


def test_an_answer_that_does_not_come_names_the_limits():
    with listening() as port:
        error = error_of(f"http://127.0.0.1:{port}/", timeout=0.05)
    assert "no answer in time" in cause(error)
    assert "RELABEL_REQUEST_TIMEOUT_SECONDS" in cause(error)
    assert not is_lasting(error)


def test_a_machine_that_does_not_even_connect_is_told_apart():
    assert "no connection came about in time" in cause(httpx.ConnectTimeout("slow"))


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_a_connection_that_breaks_is_told(answer):
    with listening(answer) as port:
        error = error_of(f"http://127.0.0.1:{port}/")
    assert "broke before the answer was there" in cause(error)


def test_a_proxy_that_refuses_is_told_with_its_words():
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with listening(refusal) as port:
        error = error_of("https://studio.example/", proxy=f"http://127.0.0.1:{port}")
    assert "proxy does not pass it on (407 Proxy Authentication Required)" in cause(error)
    assert is_lasting(error)


def test_whatever_goes_wrong_on_the_way_through_a_proxy_names_it():
    text = cause(httpx.ConnectTimeout("slow"), "http://proxy.example:3128")
    assert "through the proxy http://proxy.example:3128" in text
    assert "NO_PROXY" in text


def test_the_proxy_of_an_address_is_the_one_that_the_environment_says(monkeypatch):
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    assert proxy_of("https://studio.example/") == ""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_of("https://studio.example/") == "http://proxy.example:3128"
    assert proxy_of("https://inside.example/") == ""
    assert proxy_of("http://studio.example/") == ""


@pytest.mark.parametrize("address", ["ftp://h/", "http://" + "a" * 70 + ".example/"])
def test_what_is_no_address_is_told(address):
    with pytest.raises((httpx.RequestError, UnicodeError)) as raised:
        httpx.get(address, trust_env=False)
    assert "no address of the web" in cause(raised.value)
    assert is_lasting(raised.value)


def test_what_is_not_foreseen_is_told_by_its_own_words():
    assert cause(httpx.TransportError("odd")) == "TransportError: odd"
    assert not is_lasting(httpx.TransportError("odd"))
