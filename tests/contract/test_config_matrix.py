"""Every labelling config of the matrix, connected as the command does."""

import re
import textwrap
from pathlib import Path

import httpx
import pytest
from config_matrix import MATRIX, READ, REFUSED, table
from fake_label_studio import URL
from relabel.errors import LabelConfigError
from relabel.labelstudio.exports import read_export
from relabel.labelstudio.labels import parse_label_config
from relabel.storage.database import reading
from relabel.storage.tasks import list_tasks
from wiring import connect_project, state_of, votes_of_store

EXPORT = "/api/projects/{}/export"


@pytest.mark.slow
@pytest.mark.parametrize("case", READ.values(), ids=READ)
def test_exactly_the_labels_and_images_that_were_written_are_read(context, fake, case):
    number = fake.add_project(config=case.config)
    ids = fake.import_tasks(number, case.bodies())
    connect_project(context, number, case.params or None)
    found = {task: label for task, _, label in votes_of_store(context, number)}
    wanted = {i: said for i, (*_, said) in zip(ids, case.tasks, strict=True) if said is not None}
    assert found == wanted
    with reading(context.engine) as connection:
        tasks = list_tasks(connection, number)
    assert tuple(task.image for task in tasks.values()) == case.images
    assert state_of(context, number).schema.classes == case.classes


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_cleaned_is_refused_by_tag_and_attribute(context, fake, case):
    number = fake.add_project(config=case.config)
    fake.import_tasks(number, case.bodies())
    before = fake.picture(number)
    with pytest.raises(LabelConfigError) as error:
        connect_project(context, number, case.params or None)
    for words in case.refused:
        assert words in str(error.value)
    assert fake.picture(number) == before


@pytest.mark.parametrize("case", READ.values(), ids=READ)
def test_an_export_is_read_as_the_connected_project_is(fake, case):
    number = fake.add_project(config=case.config)
    ids = fake.import_tasks(number, case.bodies())
    answer = fake.answer(httpx.Request("GET", URL + EXPORT.format(number)))
    export = read_export(answer.json(), "label")
    found = {a.task_id: export.classes[a.label] for a in export.answers if a.label is not None}
    wanted = {i: said for i, (*_, said) in zip(ids, case.tasks, strict=True) if said is not None}
    assert found == wanted
    assert set(export.tasks) == set(ids)


def test_most_of_the_configs_are_read():
    print(table())  # noqa: T201  for whoever asks with -s
    assert len(MATRIX) >= 34
    assert len(READ) >= 22


TEMPLATES = sorted(
    (Path(__file__).parents[2] / ".venv-label-studio").glob(
        "lib/python3*/site-packages/label_studio/annotation_templates/*/*/config.yml"
    )
)


def template(path):
    """Return the labelling config of one of Label Studio's own templates."""
    beside = path.with_suffix(".xml")
    if beside.exists():
        return beside.read_text()
    return textwrap.dedent(path.read_text().partition("\nconfig: |\n")[2])


def refusal_of(config):
    """Return why a config is refused, "" = it is read."""
    try:
        parse_label_config(config)
    except LabelConfigError as error:
        return str(error)
    return ""


@pytest.mark.skipif(not TEMPLATES, reason="Label Studio is not installed: run `make test`")
def test_of_label_studios_templates_those_of_one_image_and_its_class_are_read():
    """Every other is read, or refused by the tags that stand in it."""
    wanted, read = set(), set()
    for path in TEMPLATES:
        config = template(path)
        if config.count("<Image ") == 1 and '<Choices name="' in config:
            wanted.add(path.parent.name)
        refusal = refusal_of(config)
        if not refusal:
            read.add(path.parent.name)
        else:
            assert re.search(r"<\w+", refusal.partition("Supported:")[0]), (path, refusal)
    assert wanted == read
    assert {"image-classification", "medical-image-classification-with-bboxes"} <= read
    assert len(TEMPLATES) > 40
