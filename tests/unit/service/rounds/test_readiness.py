"""Too few labels to learn from: the round says why, and what there is instead."""

import re

import pytest
import stamina
from relabel.errors import NotReadyError
from relabel.service.insight.status import project_status
from relabel.service.rounds.run import run_round
from wiring import connect_project, state_of

HEAD = r"Too few labels to learn from \({}\): at least two classes need 2 labelled tasks"
TINY = 'encoder = "tiny"\n'


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=1):
        yield


def refusal(context, number):
    """Run a round, and return why it refuses to learn."""
    with pytest.raises(NotReadyError) as refused:
        run_round(context, number)
    text = str(refused.value)
    assert project_status(context.engine, context.settings, number)["last_error"] == text
    return text


def give_images(fake, content):
    for task in fake.tasks.values():
        fake.files[task["data"]["image"]] = content


def test_images_that_cannot_be_fetched_are_the_reason(context, fake, connected):
    number = connected(["cat", "cat", "dog", "dog"])
    text = refusal(context, number)
    assert re.search(HEAD.format("cat: 0, dog: 0, bird: 0"), text), text
    ids = ", ".join(map(str, fake.tasks))
    assert f"4 of 4 images cannot be used: 4 (tasks {ids}): answered 404." in text
    problems = [task.problem for task in state_of(context, number).tasks.values()]
    assert all("answered 404" in problem for problem in problems), "the page lists them, too"


def test_files_that_are_no_images_are_the_reason(context, fake, connected):
    number = connected(["cat", "cat", "dog", "dog"], params=TINY)
    give_images(fake, b"<html>Log in</html>")
    text = refusal(context, number)
    assert re.search(r"4 of 4 images cannot be used: 4 \(tasks [\d, ]+\): [^.]*decoded", text), text


def test_labels_that_match_no_class_are_the_reason(context, connected):
    number = connected(["Cat", "Cat", "Dog", "Dog"])
    text = refusal(context, number)
    assert 'labels are no class of this config: "Cat" 2 (nearest: cat), "Dog" 2 ' in text
    assert 'classes = {"Cat" = "cat", "Dog" = "dog"}' in text
    assert "4 of 4 tasks have no label that counts" in text


def test_a_version_that_does_not_exist_is_the_reason(context, fake):
    number = fake.add_project([None, None, None])
    connect_project(context, number, 'initial = "predictions:yolo-3"')
    for task in fake.tasks:
        fake._import_predictions(
            number,
            body=[{"task": task, "result": [], "score": 0.5, "model_version": "yolo-2"}],
            params={},
        )
    text = refusal(context, number)
    assert "No task has a prediction of version 'yolo-3'; there are: 'yolo-2' (3)" in text


def test_a_field_that_does_not_exist_is_the_reason(context, fake):
    number = fake.add_project([None, None])
    connect_project(context, number, 'initial = "data:label"')
    assert "No task has a field 'label'; there are: 'image'" in refusal(context, number)


def test_tasks_without_a_label_are_the_reason(context, fake, connected):
    number = connected(["cat", "cat", None, None, None], params=TINY)
    give_images(fake, b"x")
    text = refusal(context, number)
    assert "(cat: 2, dog: 0, bird: 0)" in text
    assert "3 of 5 tasks have no label that counts." in text
