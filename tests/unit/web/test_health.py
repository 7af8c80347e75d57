"""Health is one list: for programs without a password, for people, and for Prometheus."""

import re

import pytest
from relabel.service.doctor import health
from relabel.service.doctor.findings import Finding
from relabel.web import health as seen

NAMES = [*health.IN_STORE, *health.BEYOND]


@pytest.fixture
def broken(own, monkeypatch):
    """An application whose store holds a secret in its failure."""
    bad = Finding("store", ok=False, text="the store cannot be read: host db.internal is away")
    monkeypatch.setitem(health.IN_STORE, "store", lambda _engine: bad)
    return own.client()


def test_programs_are_told_which_part_is_well_and_no_more(broken):
    answer = broken.get("/health")
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["status"] == "UP"
    assert list(body["checks"]) == sorted(NAMES)
    assert body["checks"]["store"] is False
    assert body["checks"]["journal"] is True
    assert body["checks"]["device"] is None
    assert "internal" not in answer.get_data(as_text=True)


def test_people_are_told_what_is_wrong(broken, page):
    text = page(broken, "/")
    assert all(re.search(rf"\b{name}\b", text) for name in NAMES)
    assert "host db.internal is away" in text
    assert health.UNSEEN in text


def test_the_metrics_have_every_part(broken):
    text = broken.get("/metrics").get_data(as_text=True)
    found = dict(re.findall(r'relabel_health\{check="([^"]+)"\} (\S+)', text))
    assert list(found) == NAMES
    assert (found["store"], found["journal"], found["token"]) == ("0.0", "1.0", "NaN")


def test_the_store_is_looked_at_once_however_often_somebody_asks(own, monkeypatch):
    looks = []
    monkeypatch.setattr(seen, "seen_from", lambda engine: looks.append(engine) or [])
    client = own.client()
    for path in ("/health", "/health", "/metrics", "/"):
        assert client.get(path).status_code == 200
    assert len(looks) == 1


def test_nobody_waits_for_a_look_that_hangs(own, monkeypatch):
    health_of = seen.Health(own.engine)
    asked_meanwhile = []

    def hanging(engine):
        asked_meanwhile.append(health_of.findings())
        return health.examine_store(engine)

    monkeypatch.setattr(seen, "seen_from", hanging)
    assert len(health_of.findings()) == len(health.IN_STORE)
    assert asked_meanwhile == [[]]
