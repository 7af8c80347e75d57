"""Every labelling config of the matrix in a real Label Studio, read as a connected project is."""

import pytest
from config_matrix import MATRIX, READ
from relabel.demo import api
from relabel.errors import LabelConfigError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.labels import check_abstention, parse_label_config
from relabel.labelstudio.payloads import read_annotation, read_task
from relabel.policy import build_policy, parse_extra_params
from relabel.storage.answers import answers_of, meanings

pytestmark = [pytest.mark.live, pytest.mark.slow]


def make_project(admin, name, case):
    """Return the id of a project with the case's config and tasks."""
    body = {"title": name[:50], "label_config": case.config}
    number = api.post(admin, "/api/projects/", body)["id"]
    if case.tasks:
        api.post(admin, f"/api/projects/{number}/import", case.bodies())
    return number


def schema_of(client, number, params):
    policy = build_policy(parse_extra_params(params))
    config = client.project(number)["label_config"]
    schema = parse_label_config(config, policy.choices, policy.image, policy.cannot_tell)
    check_abstention(schema, policy.cannot_tell)
    return schema


def test_a_real_label_studio_hands_out_what_the_matrix_says(label_studio):
    client = LabelStudio(label_studio.url, label_studio.token)
    found, wanted, verdicts = {}, {}, {}
    for name, case in MATRIX.items():
        if not case.hosted:
            continue
        number = make_project(label_studio.admin, name, case)
        try:
            schema = schema_of(client, number, case.params)
        except LabelConfigError as error:
            verdicts[name] = all(words in str(error) for words in case.refused)
            continue
        tasks = [read_task(body, schema) for body in client.export(number)]
        tasks.sort(key=lambda task: task.task_id)
        if name not in READ:
            verdicts[name] = any(task.images > 1 for task in tasks)
            continue
        said = [
            read_annotation(body, schema, connected_at="9", task_id=task.task_id)
            for task in tasks
            for body in task.annotations
        ]
        answers = answers_of(said, meanings(schema.classes))
        labels = {a.task_id: schema.classes[a.label] for a in answers if a.label is not None}
        found[name] = [(task.image, labels.get(task.task_id)) for task in tasks]
        labelled = [label for *_, label in case.tasks]
        wanted[name] = list(zip(case.images, labelled, strict=True))
    client.close()
    assert found == wanted
    assert len(found) == len(READ)
    assert all(verdicts.values()), verdicts
