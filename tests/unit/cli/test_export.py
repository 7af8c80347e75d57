"""Taking labels out, from a connected project and from a detached one."""

import json

import pytest
from relabel.cli.app import build_app
from relabel.errors import ConfigurationError, NotReadyError
from relabel.service.export.archive import REPORT
from relabel.service.export.export import FORMATS, export_rows, write_export
from relabel.service.setup.detach import detach
from relabel.service.votes.settled import By
from relabel.web.pages.report import write_report
from typer.testing import CliRunner
from wiring import deliver, publish_round

pytestmark = pytest.mark.slow  # each starts programs


@pytest.fixture
def relabel(context, monkeypatch):
    """Run a command on the store of the test; return what it printed, in one line."""
    environment = {
        "LABEL_STUDIO_API_KEY": "k" * 40,
        "RELABEL_DATA_DIR": str(context.settings.data_dir),
        "RELABEL_DATABASE_URL": context.settings.database(),
        "COLUMNS": "200",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # Its handler would outlive the test.
    monkeypatch.setattr("relabel.cli.logs.configure_logging", lambda _settings: None)

    def run(*arguments):
        done = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())  # paths may be long, and lines wrap

    return run


@pytest.fixture
def project(context, fake, connected):
    number = connected(["cat", "dog"])
    first = min(fake.tasks)
    publish_round(context, number, {first: 0.9})
    for person in (1, 2):
        fake.annotate(first, person, "bird")
    deliver(context, fake)
    return number


@pytest.fixture
def detached(context, project):
    wanted = {form: FORMATS[form](context, *export_rows(context, project)).text for form in FORMATS}
    detach(context, project, also={REPORT: write_report})
    return project, wanted


def test_an_export_says_what_it_holds(relabel, project, tmp_path):
    out = tmp_path / "labels.csv"
    said = relabel("export", "-p", str(project), "--out", str(out))
    assert "2 tasks, 1 of them corrected." in said
    assert out.read_text().startswith("task_id,")


def test_an_export_of_a_part_holds_what_was_settled_so(relabel, project, tmp_path):
    out = tmp_path / "labels.csv"
    for kinds, told in (
        (["people"], "1 tasks, 1 of them corrected."),
        (["nobody"], "1 tasks, 0 of them corrected."),
        (["people", "nobody"], "2 tasks, 1 of them corrected."),
        (["person"], "0 tasks, 0 of them corrected."),
    ):
        chosen = [word for kind in kinds for word in ("--settled-by", kind)]
        assert told in relabel("export", "-p", str(project), "--out", str(out), *chosen)


def test_an_unknown_kind_is_named_before_any_work(relabel, tmp_path):
    with pytest.raises(ConfigurationError, match=r"Settled by 'model' is no kind: choose one of "):
        relabel("export", "-p", "77", "--out", str(tmp_path / "out"), "--settled-by", "model")


def test_the_help_of_an_export_names_every_kind(relabel):
    said = relabel("export", "--help")
    assert [by for by in By if by not in said] == []


@pytest.mark.parametrize("command", ["export", "report"])
def test_a_place_that_cannot_be_written_is_named_before_any_work(relabel, tmp_path, command):
    for out in (tmp_path, tmp_path / "missing" / "labels.csv"):
        with pytest.raises(ConfigurationError, match="--out"):
            relabel(command, "-p", "77", "--out", str(out))


@pytest.mark.parametrize("form", FORMATS)
def test_after_detaching_an_export_is_what_was_written_then(relabel, detached, tmp_path, form):
    number, wanted = detached
    out = tmp_path / "out"
    said = relabel("export", "-p", str(number), "--format", form, "--out", str(out))
    assert out.read_bytes() == wanted[form].encode()
    assert "2 tasks, 1 of them corrected." in said
    assert f"Project {number} (Project {number}) was detached on 20" in said


@pytest.mark.parametrize("gone", [False, True])
def test_what_importing_will_not_keep_is_told_before_and_after_detaching(
    relabel, context, fake, project, tmp_path, gone
):
    if gone:
        fake.annotations[min(fake.annotations)]["completed_by"] = None
    arguments = ("export", "-p", str(project), "--out", str(tmp_path / "out"), "--format")
    told = "under whoever imports it: 1, in task"
    made = write_export(context, project, "label-studio", tmp_path / "out")
    assert (told in " ".join(made.told)) is gone
    detach(context, project, also={REPORT: write_report})
    assert (told in relabel(*arguments, "label-studio")) is gone
    assert told not in relabel(*arguments, "csv")


def test_after_detaching_the_report_is_the_one_of_then(relabel, detached, tmp_path):
    number, _ = detached
    said = relabel("report", "-p", str(number), "--out", str(tmp_path / "report.html"))
    assert "was detached on" in said
    assert (tmp_path / "report.html").read_text().strip().startswith("<!")


def test_status_says_when_a_project_was_detached_and_where_its_files_are(
    relabel, context, detached
):
    number, wanted = detached
    said = relabel("status", "-p", str(number))
    assert "was detached on" in said
    assert str(context.settings.data_dir / "detached") in said
    assert "1 corrected label was never exported." in said
    body = json.loads(relabel("status", "-p", str(number), "--json"))
    assert (body["project"], body["tasks"], body["corrected"]) == (number, 2, 1)
    assert len(body["files"]) == len(wanted) + 1


def test_labels_cannot_be_written_back_into_a_detached_project(relabel, detached, tmp_path):
    number, _ = detached
    with pytest.raises(NotReadyError, match="connect it to write labels back"):
        relabel("export", "-p", str(number), "--out", str(tmp_path / "out"), "--write-back")


def test_of_a_detached_project_no_part_is_taken_out(relabel, detached, tmp_path):
    number, _ = detached
    with pytest.raises(NotReadyError, match="leave out --settled-by"):
        relabel("export", "-p", str(number), "--out", str(tmp_path / "o"), "--settled-by", "people")
    assert not (tmp_path / "o").exists()
