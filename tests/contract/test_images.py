"""What becomes of a project's images on their way through a round to its pages."""

import base64
import io
import logging

import numpy as np
import pytest
from PIL import Image
from relabel.service.rounds.run import run_round
from relabel.storage.database import reading
from relabel.storage.rounds import list_rounds
from relabel.storage.tasks import list_tasks
from wiring import connect_project, site

CLASSES = ("cat", "dog", "bird")
PER_CLASS = 8


def picture(kind, number):
    """Return a picture of a class: dark, bright, or half of each, with some grain."""
    levels = np.random.default_rng(number).integers(0, 40, (16, 16))
    if kind != "cat":
        levels[:, 8 if kind == "bird" else 0 :] += 180
    return levels.astype(np.uint8)


def file_of(levels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, kind)
    return buffer.getvalue()


def data_address(levels):
    return "data:image/png;base64," + base64.b64encode(file_of(levels)).decode()


@pytest.fixture
def project(context, fake):
    """Connect 24 labelled tasks, whose image is a file with this content or this address."""

    def make(file=file_of, image=None, policy='encoder = "tiny"'):
        number = fake.add_project([kind for kind in CLASSES for _ in range(PER_CLASS)])
        for place, (task, kind) in enumerate(
            zip(list(fake.tasks), np.repeat(CLASSES, PER_CLASS), strict=True)
        ):
            levels = picture(kind, place)
            if image is not None:
                fake.tasks[task]["data"]["image"] = image(levels)
            else:
                fake.files[fake.tasks[task]["data"]["image"]] = file(levels)
        connect_project(context, number, policy)
        return number

    return make


def floats_with_a_hole(levels):
    deep = levels.astype(np.float32) / 255
    deep[0, 0] = np.nan
    return file_of(deep, "TIFF")


@pytest.mark.slow
@pytest.mark.parametrize("file", [file_of, floats_with_a_hole])
def test_a_round_tells_every_image_from_every_other(context, project, caplog, file):
    with caplog.at_level(logging.WARNING, "relabel.round"):
        done = run_round(context, project(file))
    assert done.record["identical_vectors"] == 0
    assert done.record["left_out"] == 0
    assert "very vector" not in caplog.text


def test_a_later_round_goes_on_with_what_the_first_learnt_from_the_images(context, project, caplog):
    number = project(
        policy='encoder = "tiny"\nselector = "ssl_linear"\nimage_size = 16\n'
        "selector_options = {pretrain_epochs = 1, epochs = 1}"
    )
    with caplog.at_level(logging.INFO, "relabel.round"):
        run_round(context, number)
        assert "round 1: byol" in caplog.text
        run_round(context, number)
    assert "round 2: head" in caplog.text
    assert "round 2: byol" not in caplog.text


def test_images_that_all_look_the_same_to_the_encoder_are_counted_and_named(
    context, project, caplog
):
    """Their files differ, for each holds one other pixel: what people see in them is one black."""

    def blank(levels):
        dark = np.zeros((16, 16), np.uint16)
        dark[0, 0] = 1 + levels[0, 0]
        return file_of(dark) + levels[1].tobytes()

    number = project(blank)
    with caplog.at_level(logging.WARNING, "relabel.round"):
        done = run_round(context, number)
    assert done.record["identical_vectors"] > 20
    tasks = sorted(context_tasks(context, number))[:5]
    assert f"example tasks {', '.join(map(str, tasks))}" in caplog.text


def context_tasks(context, number):
    with reading(context.engine) as connection:
        return list_tasks(connection, number)


def test_pictures_in_the_tasks_themselves_are_cleaned_like_files(context, project):
    number = project(image=data_address)
    done = run_round(context, number)
    assert (done.record["tasks"], done.record["left_out"]) == (24, 0)
    with site(context.settings) as client:
        page = client.get(f"/projects/{number}/queue").get_data(as_text=True)
    assert page.count("<img") >= 2


def test_a_reason_names_what_came_instead_and_never_holds_a_picture(context, fake, project, caplog):
    number = project()
    first, second, third = sorted(fake.tasks)[:3]
    whole = data_address(picture("cat", 0))
    fake.tasks[first]["data"]["image"] = whole[:-40] + "!"
    fake.files[fake.tasks[second]["data"]["image"]] = b"<html><title>Sign in</title></html>"
    fake.files[fake.tasks[third]["data"]["image"]] = b""
    connect_project(context, number, 'encoder = "tiny"')
    with caplog.at_level(logging.DEBUG, "relabel"):
        done = run_round(context, number)
    assert done.record["left_out"] == 3
    problems = {n: task.problem for n, task in context_tasks(context, number).items()}
    assert "its base64 is damaged" in problems[first]
    assert "a web page (Sign in), 35 bytes; PNG, JPEG" in problems[second]
    assert "an empty file, 0 bytes" in problems[third]
    with site(context.settings) as client:
        page = client.get(f"/projects/{number}/images").get_data(as_text=True)
    with reading(context.engine) as connection:
        told = [page, caplog.text, str(list_rounds(connection, number)), *problems.values()]
    coded = whole.split(",")[1][:40]
    assert not [text for text in told if coded in text or " object at 0x" in text]
    assert f"data:image/png ({len(whole) - 39} characters)" in page
