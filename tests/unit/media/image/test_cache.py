import hashlib
import os
import threading

import pytest
from relabel.media.image.cache import ImageCache


@pytest.fixture
def cache(tmp_path):
    opened = ImageCache(tmp_path / "images", max_bytes=250)
    yield opened
    opened.close()


def test_what_was_added_is_found_by_reference_and_digest(cache):
    digest = cache.add(1, "/a.png", b"content")
    assert digest == hashlib.sha256(b"content").hexdigest()
    assert cache.known(1) == {"/a.png": digest}
    assert cache.read(digest) == b"content"


def test_projects_do_not_see_each_others_references(cache):
    cache.add(1, "/a.png", b"content")
    assert cache.known(2) == {}


def test_a_changed_image_replaces_the_old_one(cache):
    cache.add(1, "/a.png", b"old")
    new = cache.add(1, "/a.png", b"new")
    assert cache.known(1) == {"/a.png": new}


def test_equal_images_are_kept_once(cache, tmp_path):
    for name in ("/a.png", "/b.png"):
        cache.add(1, name, b"content")
    assert len(list((tmp_path / "images").glob("??/*"))) == 1


def test_a_lost_file_is_fetched_again(cache, tmp_path):
    digest = cache.add(1, "/a.png", b"content")
    (tmp_path / "images" / digest[:2] / digest).unlink()
    assert cache.known(1) == {}
    cache.add(1, "/a.png", b"content")
    assert cache.read(digest) == b"content"


def test_the_images_used_least_recently_go_first(cache, tmp_path):
    digests = [cache.add(1, f"/{n}.png", bytes([n]) * 100) for n in range(3)]
    for age, digest in enumerate(digests):
        path = tmp_path / "images" / digest[:2] / digest
        os.utime(path, (1000 - age, 1000 - age))
    cache.read(digests[2])
    assert cache.trim() == 100
    assert set(cache.known(1).values()) == {digests[0], digests[2]}


def test_nothing_goes_while_there_is_room(cache):
    cache.add(1, "/a.png", b"x" * 250)
    assert cache.trim() == 0


def test_the_cache_survives_its_process(tmp_path):
    first = ImageCache(tmp_path)
    digest = first.add(1, "/a.png", b"content")
    first.close()
    second = ImageCache(tmp_path)
    assert second.known(1) == {"/a.png": digest}
    second.close()


def test_threads_may_add_the_same_image_at_the_same_time(cache):
    threads = [
        threading.Thread(target=cache.add, args=(1, f"/{n % 3}.png", bytes([n % 2]) * 50))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache.known(1)) == 3
    assert all(len(cache.read(digest)) == 50 for digest in cache.known(1).values())
