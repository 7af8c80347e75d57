"""What every project stands on is one list, wherever it is shown."""

from dataclasses import replace
from urllib.error import URLError

import pytest
import stamina
from relabel.service.doctor.health import (
    BEYOND,
    IN_STORE,
    LATE_SECONDS,
    examine_server,
    examine_store,
    seen_from,
)
from relabel.storage.journal.events import Action, journal
from relabel.storage.projects import set_project
from relabel.storage.tables import events
from sqlalchemy import create_engine, update
from wiring import (
    connect_project,
    down,
)


def line(findings, check):
    return {finding.check: finding for finding in findings}[check]


def test_the_doctor_and_a_web_process_have_the_same_list_in_the_same_order(context):
    names = [*IN_STORE, *BEYOND]
    assert [finding.check for finding in examine_server(context)] == names
    assert [finding.check for finding in seen_from(context.engine)] == names


def test_what_a_web_process_cannot_look_at_has_no_verdict(context):
    found = {finding.check: finding for finding in seen_from(context.engine)}
    assert {name for name, finding in found.items() if finding.ok is None} == set(BEYOND)
    assert all("relabel doctor" in found[name].text for name in BEYOND)


def test_a_store_that_cannot_be_read_is_told_in_the_databases_words(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/nowhere/store.sqlite3")
    for finding in examine_store(engine):
        assert finding.ok is False
        assert "the store cannot be read: unable to open database file" in finding.text


@pytest.mark.parametrize(("waited", "well"), [(5, True), (LATE_SECONDS + 60, False)])
def test_an_event_that_nobody_carries_out_is_told_after_ten_minutes(
    context, connected, waited, well
):
    number = connected(["cat", "dog"])
    now = context.now()
    with context.engine.begin() as connection:
        connection.execute(update(events).values(handled_at=now))
        journal(connection, number, Action.RECONCILE)
        late = events.c.handled_at.is_(None)
        connection.execute(update(events).where(late).values(received_at=now - waited))
    finding = line(examine_store(context.engine), "journal")
    assert finding.ok is well
    assert finding.text.startswith("1 waiting, the oldest for ")
    assert ("does a worker run" in finding.text) is not well


def test_the_encoders_of_all_projects_are_looked_at_and_the_deployments_if_there_is_none(
    context, fake
):
    def nobody(*_, **__):
        raise URLError("no way out")

    alone = replace(context, hub=nobody)
    before = line(examine_server(alone), "encoder")
    assert before.ok is True
    assert before.text == "'tiny' needs no weights"
    numbers = [fake.add_project(["cat", "dog"]) for _ in range(2)]
    for number in numbers:
        connect_project(context, number, 'encoder = "tiny"')
    with context.engine.begin() as connection:
        set_project(connection, numbers[1], extra_params='encoder = "resnet18"')
    after = line(examine_server(alone), "encoder")
    assert after.ok is False
    assert "'resnet18'" in after.text
    assert "no way out" in after.text
    assert "'tiny'" not in after.text.split("; or set")[0], "what is well is not told beside it"


def test_a_healthy_server_is_told_with_version_and_kind_of_token(context):
    findings = {f.check: f for f in examine_server(context)}
    assert all(f.ok for f in findings.values())
    assert "1.23.2" in findings["label studio"].text
    assert "legacy token of admin@example.com" in findings["token"].text


def test_a_server_that_is_down_is_told_line_by_line(context, fake):
    fake.intercept = down
    with stamina.set_testing(True, attempts=2):
        findings = {f.check: f for f in examine_server(context)}
    assert [name for name, f in findings.items() if not f.ok] == ["label studio", "token"]
    assert "503" in findings["label studio"].text
