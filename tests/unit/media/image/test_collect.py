import httpx
import pytest
from relabel.labelstudio.client import LabelStudio
from relabel.media.image.cache import ImageCache
from relabel.media.image.collect import TRIES, collect_images
from relabel.media.image.fetch import ImageFetcher
from relabel.media.image.thumbnails import Thumbnails
from relabel.settings import Settings

IDS = [2, 3, 5]
REFERENCES = ["/a.png", "/b.png", "/c.png"]


@pytest.fixture
def cache(tmp_path):
    opened = ImageCache(tmp_path)
    yield opened
    opened.close()


class Server:
    def __init__(self, *broken, status=404):
        self.asked = []
        self.status = status
        self.broken = list(broken)
        label_studio = LabelStudio("http://ls.test", "t", transport=httpx.MockTransport(self))
        self.fetcher = ImageFetcher(Settings(), label_studio)

    def __call__(self, request):
        self.asked.append(request.url.path)
        if request.url.path in self.broken:
            return httpx.Response(self.status)
        return httpx.Response(200, content=request.url.path.encode())


def collect(server, cache, **options):
    return collect_images(1, IDS, REFERENCES, fetcher=server.fetcher, cache=cache, **options)


def test_every_image_is_fetched_once(cache):
    server = Server()
    digests, failures = collect(server, cache)
    assert [cache.read(d) for d in digests] == [b"/a.png", b"/b.png", b"/c.png"]
    assert failures == {}
    again, _ = collect(server, cache)
    assert again == digests
    assert sorted(server.asked) == REFERENCES


def test_a_missing_image_is_named_by_its_task_and_stops_nothing(cache):
    server = Server("/b.png")
    digests, failures = collect(server, cache)
    assert [bool(d) for d in digests] == [True, False, True]
    assert list(failures) == [3]
    assert "answered 404" in failures[3]


@pytest.mark.parametrize(
    ("status", "tries"), [(404, 1), (403, 1), (500, TRIES), (503, TRIES), (429, TRIES)]
)
def test_what_may_be_there_later_is_tried_again_at_once_and_nothing_else(cache, status, tries):
    server = Server("/b.png", status=status)
    _, failures = collect(server, cache)
    assert f"answered {status}" in failures[3]
    assert server.asked.count("/b.png") == tries


def test_an_image_that_came_at_the_second_try_is_no_failure(cache):
    server = Server("/b.png", status=503)
    answer = server.__class__.__call__

    def recover(request):
        answered = answer(server, request)
        server.broken.clear()
        return answered

    client = LabelStudio("http://ls.test", "t", transport=httpx.MockTransport(recover))
    server.fetcher = ImageFetcher(Settings(), client)
    assert collect(server, cache)[1] == {}


def test_a_picture_in_the_task_itself_is_kept_under_a_short_key(cache, tmp_path):
    reference = "data:image/png;base64," + "A" * 40_000
    server = Server()
    for _ in range(2):
        (digest,), failures = collect_images(
            1, [2], [reference], fetcher=server.fetcher, cache=cache
        )
        assert failures == {}
        assert cache.read(digest) == bytes(30_000)
    assert (tmp_path / "index.sqlite3").stat().st_size < 40_000
    assert Thumbnails(tmp_path / "t", cache, max_pixels=10).digest(1, reference) == digest


def test_a_failed_image_is_tried_again_in_the_next_round(cache):
    server = Server("/b.png")
    collect(server, cache)
    server.broken.clear()
    digests, failures = collect(server, cache)
    assert all(digests)
    assert failures == {}


def test_progress_counts_every_image_up_to_all(cache):
    seen = []
    collect(Server("/b.png"), cache, progress=lambda *step: seen.append(step))
    assert seen == [("images", done, 3) for done in range(4)]


def test_tasks_that_share_an_image_share_its_fetching_and_its_failure(cache):
    server = Server("/b.png")
    ids, references = [2, 3, 5, 7], ["/a.png", "/b.png", "/b.png", "/a.png"]
    digests, failures = collect_images(1, ids, references, fetcher=server.fetcher, cache=cache)
    assert digests[0] == digests[3] != ""
    assert digests[1:3] == ["", ""]
    assert list(failures) == [3, 5]
    assert sorted(server.asked) == ["/a.png", "/b.png"]
