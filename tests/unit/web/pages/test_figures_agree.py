"""One figure is the same wherever it is shown, and the same as counting the store by hand."""

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from html import unescape

import pytest
from relabel.service.insight.overview import class_figures, read_overview, sentence
from relabel.service.insight.status import project_status
from relabel.storage.database import reading
from relabel.storage.tables import annotations, rounds, tasks
from relabel.web.metrics import FIGURES
from sqlalchemy import select

PAGE = {"Accept": "text/html"}
SHOWN = {
    "tasks",
    "votes",
    "corrected",
    "confirmed",
    "in_progress",
    "ambiguous",
    "open_tasks",
    "left_out",
}
"""Figures of the overview's tiles."""


@pytest.fixture(scope="module")
def client(seeded):
    return seeded.client(show_annotators=True)


@pytest.fixture(scope="module")
def status(seeded):
    return project_status(seeded.engine, seeded.settings, 1)


@pytest.fixture(scope="module")
def counted(seeded):
    """The figures, counted from the rows of the store without the package's own counting."""
    with seeded.engine.connect() as connection:
        rows = list(connection.execute(select(annotations)))
        known = {row.task_id: row for row in connection.execute(select(tasks))}
    votes, given, new = defaultdict(Counter), {}, Counter()
    for row in rows:
        assert (row.kind, row.deleted, row.editor) == ("label", False, "")
        votes[row.task_id][row.choice] += 1
        if row.initial:
            given[row.task_id] = row.choice
        else:
            new[row.task_id] += 1
    found = Counter(dict.fromkeys((*SHOWN, "settled", "tasks_relabelled"), 0))
    found["tasks"], found["votes"] = len(known), sum(new.values())
    found["open_tasks"] = sum(not task.is_labeled for task in known.values())
    found["left_out"] = sum(bool(task.problem) for task in known.values())
    for task in new:
        (label, most), *others = votes[task].most_common()
        majority = not others or others[0][1] < most
        found["tasks_relabelled"] += 1
        found["settled"] += majority
        found["corrected"] += majority and label != given[task]
        found["confirmed"] += majority and label == given[task]
        found["ambiguous"] += not majority and sum(votes[task].values()) >= 10
        found["in_progress"] += not majority and sum(votes[task].values()) < 10
    return found


def html(client, path):
    return client.get(path, headers=PAGE).get_data(as_text=True)


def cells(text, tag):
    return [
        unescape(re.sub(r"<[^>]+>", "", c)).strip()
        for c in re.findall(rf"<{tag}.*?</{tag}>", text, re.DOTALL)
    ]


def table(text, region):
    """Return the rows of the table within a named region."""
    body = re.search(rf'aria-label="{region}".*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1]
    return [cells(row, "t[hd]") for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]


def number(text):
    return int(text.replace(",", ""))


def test_counting_by_hand_gives_the_status(status, counted):
    assert {key: status[key] for key in counted} == dict(counted)
    assert counted["corrected"] > 5
    assert counted["in_progress"] + counted["confirmed"] > 0


@pytest.mark.slow
def test_the_command_and_the_route_say_the_same(seeded, client, status):
    environment = os.environ | {"RELABEL_DATA_DIR": str(seeded.settings.data_dir)}
    command = [sys.executable, "-m", "relabel", "status", "--project", "1", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)
    assert printed == client.get("/api/projects/1/status").get_json()
    assert printed == json.loads(json.dumps(status))


def test_every_tile_of_the_overview_is_a_figure_of_the_status(client, status):
    text = html(client, "/projects/1")
    shown = re.findall(r'data-figure="(\w+)">([\d,]+)<', text)
    assert {name for name, _ in shown} == SHOWN
    assert all(number(value) == status[name] for name, value in shown)
    tiles = text[text.index('<dl class="tiles">') :]
    assert tiles[: tiles.index("</dl>")].count("<dd") == len(SHOWN)
    assert f"votes spent of {status['budget']:,}" in text


def test_the_sentence_holds_figures_of_the_status(seeded, client, status):
    overview = read_overview(seeded.engine, seeded.settings, 1)
    said = sentence(overview)
    assert f"{status['votes']:,} of {status['budget']:,} votes spent" in said
    assert f"{status['corrected']:,} labels corrected" in said
    assert f"Round {status['round']} of selector {status['selector']}" in said
    for path in ("/", "/projects/1"):
        assert said in unescape(html(client, path))


def test_the_home_page_and_the_report_show_the_same_figures(client, status, report):
    home = re.findall(r"<dt>(\w+)</dt><dd>([\d,]+)</dd>", html(client, "/"))
    assert {name: number(value) for name, value in home} == {
        name: status[name] for name in ("tasks", "votes", "corrected")
    }
    told = re.findall(r"<dt>([\w ]+)</dt><dd>([\d,]+)</dd>", report)
    labels = {
        "tasks": "tasks",
        "votes spent": "votes",
        "tasks relabelled": "tasks_relabelled",
        "labels corrected": "corrected",
        "labels confirmed": "confirmed",
        "ambiguous": "ambiguous",
    }
    assert {labels[name]: number(value) for name, value in told} == {
        key: status[key] for key in labels.values()
    }


def test_metrics_are_figures_of_the_status(client, status):
    text = client.get("/metrics").get_data(as_text=True)
    for name in FIGURES:
        value = re.search(rf'^relabel_{name}{{project="1"}} (\S+)$', text, re.MULTILINE)[1]
        assert float(value) == status[name]


def test_classes_and_curve_add_up_to_the_figures(seeded, client, status):
    overview = read_overview(seeded.engine, seeded.settings, 1)
    text = html(client, "/projects/1")
    rows = table(text, "Classes")
    assert sum(number(row[2]) for row in rows) == status["corrected"]
    assert sum(number(row[1]) for row in rows) == status["tasks"] - status["unlabelled"]
    assert [row[0] for row in rows] == [one.name for one in class_figures(overview.state)]
    curve = table(text, "Numbers of “Labels corrected”")
    assert [number(cell) for cell in curve[-1][:2]] == [status["votes"], status["corrected"]]


def test_lists_are_as_long_as_their_figures(seeded, client, status, counted):
    assert (
        len(table(html(client, "/projects/1/images"), "Images that failed")) == status["left_out"]
    )
    undecided = table(html(client, "/projects/1/undecided"), "Undecided tasks")
    states = Counter(row[2] for row in undecided)
    assert states["ambiguous"] == counted["ambiguous"]
    assert states["tied"] <= counted["in_progress"]
    people = table(html(client, "/projects/1/annotators?people=1"), "Annotators")
    with seeded.engine.connect() as connection:
        given = Counter(connection.execute(select(annotations.c.annotator)).scalars())
    assert sum(number(row[1]) for row in people) == sum(given.values())


def test_rounds_are_those_of_the_store(seeded, client, status):
    text = html(client, "/projects/1/rounds")
    with reading(seeded.engine) as connection:
        stored = list(connection.execute(select(rounds).order_by(rounds.c.number.desc())))
    assert len(stored) == status["rounds"]
    panels = re.findall(r"<section.*?</section>", text, re.DOTALL)
    for panel, one in zip(panels, stored, strict=True):
        facts = dict(zip(cells(panel, "dt"), cells(panel, "dd"), strict=True))
        assert f"Round {one.number}" in panel
        assert one.model_version in panel
        assert f"on {one.votes} new votes" in panel
        for key, value in one.record.items():
            assert facts[key.replace("_", " ")] in (str(value), f"{value}")
        for key, value in one.policy.items():
            assert facts[key] == ("none" if value in ("", None) else str(value))
