"""What a detached project leaves behind, and what was never exported before."""

import csv
import json

import httpx
import pytest
from relabel.errors import ConfigurationError, LabelStudioError, NotReadyError
from relabel.service.export.archive import (
    NAMES,
    REPORT,
    find_archive,
    take_out,
    what_was_not_exported,
)
from relabel.service.export.export import FORMATS, export_rows, write_export
from relabel.service.setup.detach import detach
from relabel.service.votes.settled import By
from relabel.storage.database import reading
from relabel.storage.projects import get_project, set_project
from relabel.web.pages.report import write_report
from wiring import connect_project, deliver, publish_round


@pytest.fixture
def corrected(context, fake, connected):
    """A project of which two labels were corrected."""
    number = connected(["cat", "cat", "cat", "dog", None])
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9, ids[1]: 0.8})
    for task in ids[:2]:
        correct(context, fake, task)
    return number


def correct(context, fake, task):
    for person in (1, 2):
        fake.annotate(task, person, "dog")
    deliver(context, fake)


def archive_of(context, number):
    return find_archive(context.engine, context.settings, number)


def detached(context, number):
    lines = detach(context, number, also={REPORT: write_report})
    return archive_of(context, number), lines


def test_detaching_writes_every_format_and_the_report_first(context, corrected):
    wanted = {
        name: FORMATS[form](context, *export_rows(context, corrected)).text
        for form, name in NAMES.items()
    }
    archive, lines = detached(context, corrected)
    assert [path.name for path in archive.files()] == sorted([*NAMES.values(), REPORT])
    for name, text in wanted.items():
        assert (archive.folder / name).read_bytes() == text.encode()
    assert "labels corrected" in (archive.folder / REPORT).read_text()
    assert lines[0] == "2 corrected labels were never exported."
    assert str(archive.folder) in lines[1]
    assert (archive.tasks, archive.corrected, archive.missing) == (5, 2, {})


def test_votes_that_no_worker_has_read_yet_are_in_what_is_written(context, fake, connected):
    number = connected(["cat", "dog"])
    first = min(fake.tasks)
    publish_round(context, number, {first: 0.9})
    for person in (1, 2):
        fake.annotate(first, person, "bird")
    archive, lines = detached(context, number)
    row, _ = csv.DictReader((archive.folder / NAMES["csv"]).read_text().splitlines())
    assert row["label"] == "bird"
    assert lines[0] == "1 corrected label was never exported."


def test_afterwards_files_are_taken_from_what_was_written(context, corrected, tmp_path):
    archive, _ = detached(context, corrected)
    for name in (*NAMES.values(), REPORT):
        take_out(archive, name, tmp_path / name)
        assert (tmp_path / name).read_bytes() == (archive.folder / name).read_bytes()


def test_a_detached_project_says_so_until_it_is_connected_again(context, corrected):
    archive, _ = detached(context, corrected)
    with reading(context.engine) as connection, pytest.raises(NotReadyError, match="was detached"):
        get_project(connection, corrected)
    connect_project(context, corrected)
    assert archive_of(context, corrected) is None
    assert not any(row.changed for row in export_rows(context, corrected)[1]), "a fresh start"
    again, _ = detached(context, corrected)
    assert archive.folder.exists()
    assert again.corrected == 0


def test_files_that_somebody_removed_are_named(context, corrected):
    archive, _ = detached(context, corrected)
    for path in archive.folder.iterdir():
        path.unlink()
    with pytest.raises(NotReadyError, match=archive.folder.name):
        archive_of(context, corrected)


def test_nothing_is_removed_if_the_files_cannot_be_written(context, fake, corrected):
    (context.settings.data_dir / "detached").write_text("in the way")
    before = fake.picture(corrected)
    fake.requests.clear()
    with pytest.raises(ConfigurationError, match=r"stays connected.*detached"):
        detached(context, corrected)
    assert fake.picture(corrected) == before
    assert fake.writes() == []
    assert export_rows(context, corrected)


def test_nothing_is_removed_if_the_tasks_cannot_be_read(context, fake, corrected):
    fake.intercept = lambda request: (
        httpx.Response(400) if request.url.path.endswith("/export") else None
    )
    fake.requests.clear()
    with pytest.raises(LabelStudioError):
        detached(context, corrected)
    assert fake.writes() == []
    assert not list((context.settings.data_dir / "detached").iterdir()), "nothing unfinished"


@pytest.mark.parametrize(
    "broken", [{"label_config": "<View/>"}, {"extra_params": "windw = 3"}], ids="".join
)
def test_without_a_readable_policy_or_config_the_tasks_are_written_as_they_are(
    context, fake, corrected, broken, tmp_path
):
    with context.engine.begin() as connection:
        set_project(connection, corrected, **broken)
    archive, lines = detached(context, corrected)
    assert [path.name for path in archive.files()] == [NAMES["label-studio"]]
    tasks = json.loads((archive.folder / NAMES["label-studio"]).read_text())
    assert len(fake.import_tasks(fake.add_project(), tasks)) == 5
    assert sum(line.startswith("could not write") for line in lines) == 3
    with pytest.raises(ConfigurationError, match=r"without labels\.csv"):
        take_out(archive, NAMES["csv"], tmp_path / "labels.csv")


def test_a_report_that_fails_does_not_keep_the_project_connected(context, fake, corrected):
    def fail(_context, _number, _out):
        raise ValueError("a damaged round")

    detach(context, corrected, also={REPORT: fail})
    archive = archive_of(context, corrected)
    assert archive.missing == {REPORT: "ValueError: a damaged round"}
    assert fake.backends == {}


@pytest.mark.parametrize("form", FORMATS)
def test_what_came_after_the_last_export_is_counted(context, fake, corrected, tmp_path, form):
    assert what_was_not_exported(context, corrected) == "2 corrected labels were never exported."
    write_export(context, corrected, form, tmp_path / "out")
    said = what_was_not_exported(context, corrected)
    assert said.startswith("All 2 corrected labels are in the export of ")
    assert said.endswith(f"{tmp_path / 'out'}.")
    third = list(fake.tasks)[2]
    correct(context, fake, third)
    said = what_was_not_exported(context, corrected)
    assert said.startswith("1 corrected label was never exported: it came after")


def test_an_export_of_a_part_counts_for_nothing(context, fake, corrected, tmp_path):
    """Whatever it left out would be lost without a word."""
    write_export(context, corrected, "csv", tmp_path / "part", {By.PEOPLE})
    said = what_was_not_exported(context, corrected)
    assert said.startswith("2 corrected labels were never exported. Exports with --settled-by")
    write_export(context, corrected, "csv", tmp_path / "whole")
    write_export(context, corrected, "csv", tmp_path / "part", {By.NOBODY})
    said = what_was_not_exported(context, corrected)
    assert said.startswith("All 2 corrected labels are in the export of ")
    assert said.endswith(f"{tmp_path / 'whole'}.")
    correct(context, fake, list(fake.tasks)[2])
    write_export(context, corrected, "csv", tmp_path / "part", {By.PEOPLE})
    said = what_was_not_exported(context, corrected)
    assert said.startswith("1 corrected label was never exported: it came after")
    assert "--settled-by" in said


def test_without_corrections_there_is_nothing_to_export(context, connected):
    assert what_was_not_exported(context, connected(["cat"])) == "No label was corrected."
