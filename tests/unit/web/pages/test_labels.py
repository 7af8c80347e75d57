"""The page of labels, the report and the export tell the same tasks apart by who settled them."""

import csv
import re
import shlex
from html import unescape

import pytest
from relabel.cli.app import build_app
from relabel.service.context import open_context
from relabel.service.export.export import export_rows
from relabel.service.insight.status import project_status
from relabel.service.votes.settled import IN_WORDS, By, kinds_named
from relabel.web.pages.report import write_report
from typer.testing import CliRunner

PAGE = {"Accept": "text/html"}
PATH = "/projects/1/labels"
COMMAND = re.compile(r"<code>relabel (export .*?)</code>")


@pytest.fixture(scope="module")
def client(seeded):
    return seeded.client()


def labels(client, query=""):
    answer = client.get(PATH + query, headers=PAGE)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def tasks_shown(text):
    return [int(number) for number in re.findall(r"data\?task=(\d+)", text)]


def exported(context, by):
    return [row.task_id for row in export_rows(context, 1, kinds_named([by] if by else []))[1]]


@pytest.mark.parametrize("by", ["", *By])
def test_the_page_lists_the_tasks_that_the_export_of_the_same_kind_holds(client, context, by):
    """As many as a page holds; what is beyond is counted."""
    text = labels(client, f"?settled_by={by}" if by else "")
    wanted, shown = exported(context, by), tasks_shown(text)
    assert len(shown) == min(len(wanted), 100)
    assert set(shown) <= set(wanted)
    assert (f"And {len(wanted) - 100} more" in text) is (len(wanted) > 100)
    said = re.findall(r'<td data-label="settled by">(.*?)</td>', text)
    told = {row.task_id: row.settled_by for row in export_rows(context, 1)[1]}
    assert said == [told[task] for task in shown]


def test_some_tasks_were_settled_in_different_ways(context):
    """Else the test above would say little."""
    assert sum(bool(exported(context, by)) for by in By) >= 3


def test_every_kind_is_a_link_with_its_number_of_tasks(client, context):
    text = labels(client)
    for by in By:
        (label,) = re.findall(rf'href="{PATH}\?settled_by={by}">(.*?)</a>', text)
        assert label == f"{IN_WORDS[by]} ({len(exported(context, by))})"
    assert f'href="{PATH}" aria-current="true">all tasks (200)' in text
    chosen = labels(client, "?settled_by=people")
    assert re.findall(r'aria-current="true">([a-z ]+) \(', chosen) == ["two people or more"]


@pytest.mark.parametrize("by", ["", "people", "nobody"])
def test_the_command_on_the_page_writes_what_the_page_lists(client, by):
    (command,) = COMMAND.findall(labels(client, f"?settled_by={by}"))
    wanted = ["--settled-by", by] if by else []
    out = f"{by or 'labels'}.csv"
    assert shlex.split(unescape(command)) == ["export", "--project", "1", *wanted, "--out", out]


def test_an_unknown_kind_is_refused_with_those_that_there_are(client):
    answer = client.get(f"{PATH}?settled_by=<b>me", headers=PAGE)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert "choose one of people, people-and-model" in unescape(text)
    assert "<b>me" not in text


def test_those_voted_on_last_come_first(client, seeded):
    from relabel.storage.database import reading
    from relabel.storage.tables import annotations
    from sqlalchemy import func, select

    newest = select(annotations.c.task_id, func.max(annotations.c.created_at)).group_by("task_id")
    with reading(seeded.engine) as connection:
        at = dict(map(tuple, connection.execute(newest)))
    times = [at[task] for task in tasks_shown(labels(client))]
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]


def test_the_report_counts_every_kind_beside_the_export_of_it(seeded, context, report):
    rows = re.findall(
        r'<tr><th scope="row">([a-z ]+)</th><td class="number">(\d+)</td><td><code>(.*?)</code>',
        report,
    )
    assert [name for name, _, _ in rows] == [IN_WORDS[by] for by in By]
    assert [int(count) for _, count, _ in rows] == [len(exported(context, by)) for by in By]
    status = project_status(seeded.engine, seeded.settings, 1)
    assert sum(int(count) for _, count, _ in rows) == status["tasks"]
    assert all(f"--settled-by {by} " in command for by, (*_, command) in zip(By, rows, strict=True))


@pytest.mark.parametrize("by", ["people", "nobody"])
def test_the_command_of_the_report_can_be_run(own, monkeypatch, tmp_path, by):
    context = open_context(own.settings)
    write_report(context, 1, tmp_path / "report.html")
    wanted = exported(context, by)
    context.close()
    commands = COMMAND.findall((tmp_path / "report.html").read_text())
    (command,) = [one for one in commands if f"--settled-by {by} " in one]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELABEL_DATA_DIR", str(own.settings.data_dir))
    monkeypatch.setenv("RELABEL_DATABASE_URL", own.settings.database())
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "x" * 40)
    monkeypatch.setattr("relabel.cli.logs.configure_logging", lambda _settings: None)
    done = CliRunner().invoke(build_app(), shlex.split(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = (tmp_path / f"{by}.csv").read_text()
    assert [int(row["task_id"]) for row in csv.DictReader(written.splitlines())] == wanted != []
