"""One image takes no longer than the setting says, however its host behaves."""

import contextlib
import socket
import threading
import time

import pytest
from relabel.errors import BadImageError, RelabelError, RoundCancelledError
from relabel.labelstudio.client import LabelStudio
from relabel.media.image.cache import ImageCache
from relabel.media.image.collect import collect_images
from relabel.media.image.fetch import ImageFetcher
from relabel.settings import Settings

LIMIT = 0.6
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@contextlib.contextmanager
def dripping(first, drip=b"x", every=0.05):
    """Yield a port at which a host sends `first`, and then a little more now and then."""
    ended = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(first)
            while not ended.wait(every):
                connection.sendall(drip)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        ended.set()
        listening.close()


def fetcher(port, limit=LIMIT):
    settings = Settings(image_timeout_seconds=limit, image_hosts=("127.0.0.1",))
    return ImageFetcher(settings, LabelStudio(f"http://localhost:{port}", "t" * 40))


KINDS = {
    "a body that drips": (HEAD, b"x"),
    "a head that drips": (b"HTTP/1.1 200 OK\r\nX-A: ", b"x"),
    "silence": (b"", b""),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whose", ["a web host", "Label Studio"])
def test_an_image_ends_within_its_time_limit_in_all(kind, whose):
    with dripping(*KINDS[kind]) as port:
        reference = {"a web host": f"http://127.0.0.1:{port}/a.png"}.get(
            whose, "/data/upload/a.png"
        )
        began = time.monotonic()
        with pytest.raises(BadImageError, match="no answer in time"):
            stop_after(3, fetcher(port).fetch, 1, reference)
        assert time.monotonic() - began < LIMIT + 1


def stop_after(seconds, call, *arguments):
    """Call in a thread of its own, and fail if that takes longer."""
    outcome = []

    def work():
        try:
            outcome.append(call(*arguments))
        except RelabelError as error:
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"still at it after {seconds} s"
    if isinstance(outcome[0], RelabelError):
        raise outcome[0]
    return outcome[0]


def test_an_image_that_took_all_its_time_is_not_tried_again(tmp_path):
    cache = ImageCache(tmp_path)
    with dripping(HEAD) as port:
        began = time.monotonic()
        digests, failures = collect_images(
            1, [5], [f"http://127.0.0.1:{port}/a.png"], fetcher=fetcher(port), cache=cache
        )
        assert time.monotonic() - began < LIMIT + 1
    assert digests == [""]
    assert "no answer in time" in failures[5]
    cache.close()


def test_fetching_ends_at_once_when_the_round_is_to_end(tmp_path):
    """Also while every thread waits for a host that says nothing for an hour."""
    from relabel.http.deadlines import ending

    cache = ImageCache(tmp_path)
    wanted = time.monotonic() + 0.3

    def check():
        if time.monotonic() > wanted:
            raise RoundCancelledError("cancelled")

    def collect(port):
        references = [f"http://127.0.0.1:{port}/{n}.png" for n in range(20)]
        with ending(check=check):
            collect_images(
                1, list(range(1, 21)), references, fetcher=fetcher(port, 3600), cache=cache
            )

    with dripping(b"", b"") as port:
        began = time.monotonic()
        with pytest.raises(RoundCancelledError):
            stop_after(8, collect, port)
        assert time.monotonic() - began < 3
        alive = [t for t in threading.enumerate() if t.name.startswith("images")]
        for thread in alive:
            thread.join(2)
        assert not any(thread.is_alive() for thread in alive)
