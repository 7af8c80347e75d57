"""Tasks that show no single image, and configs that change: told, and left out with the reason."""

import io

import httpx
import numpy as np
import pytest
from config_matrix import IMAGE, choices, chosen, image, view
from fake_label_studio import CONFIG
from PIL import Image
from relabel.errors import RelabelError
from relabel.service.doctor.checkup import examine_project
from relabel.service.rounds.run import run_round
from relabel.service.setup.connect import connect, plan_connect
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import reading
from relabel.storage.tasks import list_tasks
from wiring import connect_project, deliver, state_of, votes_of_store

LISTS = view(image(valueList="$images"), choices(required="true"))
PETS = ("cat", "dog")


def picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def listed(fake, seed, label):
    """Return a task of a list with one image, which can be fetched."""
    address = f"/data/upload/1/{seed}.png"
    fake.files[address] = picture(seed)
    return {"data": {"images": [address]}, "annotations": [{"result": chosen(label)}]}


def problems(context, number):
    with reading(context.engine) as connection:
        return {t.task_id: t.problem for t in list_tasks(connection, number).values() if t.problem}


@pytest.fixture
def lists(context, fake):
    """A connected project in which each task lists one image."""
    number = fake.add_project(config=LISTS)
    fake.import_tasks(number, [listed(fake, i, PETS[i % 2]) for i in range(10)])
    connect_project(context, number, 'encoder = "tiny"')
    fake.events.clear()
    return number


def test_tasks_of_several_images_that_come_later_are_left_out_with_the_reason(context, fake, lists):
    several = {"data": {"images": ["/data/upload/1/0.png", "/data/upload/1/1.png"]}}
    missing, two = fake.import_tasks(lists, [{"data": {"other": "x"}}, several])
    deliver(context, fake)
    told = {
        missing: 'task.data has no field "images"',
        two: 'valueList="$images" holds 2 images, and one label is asked for',
    }
    assert problems(context, lists) == told
    run_round(context, lists)
    assert problems(context, lists) == told
    # Connecting again repairs, and does not refuse what is at work.
    connect_project(context, lists)


def test_a_task_whose_image_comes_later_is_judged_by_the_next_round(context, fake, lists):
    (task,) = fake.import_tasks(lists, [{"data": {"images": []}}])
    deliver(context, fake)
    assert problems(context, lists) == {task: "task.data.images is empty"}
    fake.tasks[task] |= listed(fake, 99, "cat") | {"updated_at": fake._now()}
    run_round(context, lists)
    assert problems(context, lists) == {}


SECOND = view(image(value="$photo"), choices(name="species"))


def said_twice(fake, config):
    """Return a project and its task, whose one annotation says cat of one tag, dog of another."""
    number = fake.add_project(config=config)
    both = [*chosen("cat"), *chosen("dog", name="species")]
    data = {"image": "/data/a.png", "photo": "/data/b.png"}
    (task,) = fake.import_tasks(number, [{"data": data, "annotations": [{"result": both}]}])
    return number, task


@pytest.mark.parametrize("how", ["event", "sweep"])
def test_a_changed_config_is_read_again_with_all_tasks(context, fake, how):
    """The same annotations say another thing, and said it at the beginning; no vote is new."""
    number, task = said_twice(fake, view(IMAGE, choices()))
    connect_project(context, number)
    assert votes_of_store(context, number) == {(task, "9", "cat")}
    fake.set_project(number, label_config=SECOND)
    if how == "event":
        deliver(context, fake)
    else:
        fake.events.clear()
        sweep(context)
    assert votes_of_store(context, number) == {(task, "9", "dog")}
    assert state_of(context, number).spent == 0
    with reading(context.engine) as connection:
        assert [t.image for t in list_tasks(connection, number).values()] == ["/data/b.png"]


def test_another_tag_is_read_from_the_beginning(context, fake):
    number, task = said_twice(fake, view(IMAGE, choices(), choices(name="species")))
    connect_project(context, number, 'choices = "label"')
    connect_project(context, number, 'choices = "species"')
    assert votes_of_store(context, number) == {(task, "9", "dog")}
    assert state_of(context, number).spent == 0


def test_another_tag_that_could_not_be_connected_leaves_the_votes_as_they_were(context, fake):
    number, task = said_twice(fake, view(IMAGE, choices(), choices(name="species")))
    connect_project(context, number, 'choices = "label"')
    fake.intercept = lambda request: (
        httpx.Response(400, json={"detail": "no"})
        if (request.method, request.url.path) == ("POST", "/api/webhooks/")
        else None
    )
    with pytest.raises(RelabelError, match="was not connected"):
        connect_project(context, number, 'choices = "species"')
    fake.intercept = lambda _request: None
    forget_sweeps(context)
    sweep(context)
    assert votes_of_store(context, number) == {(task, "9", "cat")}
    assert state_of(context, number).spent == 0


CONDITIONAL = view(
    IMAGE, choices(required="true", visibleWhen="region-selected"), choices(name="side")
)


def test_connecting_says_what_is_good_to_know(context, fake):
    number = fake.add_project(["cat", "dog"], config=CONDITIONAL)
    plan = plan_connect(context, number, 'choices = "label"')
    told = [step for step in plan.steps if step.startswith("remember that")]
    assert len(told) == 2
    assert 'visibleWhen="region-selected"' in told[0]
    assert '<Choices name="side"> is left as it is' in told[1]
    connect(context, plan)
    (line,) = [f for f in examine_project(context, number) if f.check == "labelling config"]
    assert line.ok
    assert 'visibleWhen="region-selected"' in line.text


def test_the_doctor_asks_for_an_answer_to_be_required(context, fake, connected):
    number = connected(["cat", "dog"], config=CONFIG.replace('required="true"', ""))
    (line,) = [f for f in examine_project(context, number) if f.check == "labelling config"]
    assert not line.ok
    assert 'add required="true" to <Choices name="label">' in line.text
    assert "image in value='$image'" in line.text
    del fake
