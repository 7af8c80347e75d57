"""Images that a project holds twice, saved anew: held out together, counted, and named."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from relabel.service.rounds.run import run_round
from wiring import connect_project, site

KINDS = ("cat", "dog")


def saved(levels, kind, **how):
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, kind, **how)
    return buffer.getvalue()


@pytest.fixture
def page(context, fake):
    """The overview of twelve pictures, of which the first ones are there twice."""

    def shown(labels, copies):
        number = fake.add_project([*(KINDS[i % 2] for i in range(12)), *labels])
        for place, task in enumerate(sorted(fake.tasks)):
            levels = np.random.default_rng(place % 12).integers(0, 120, (8, 8)) + 60 * (place % 2)
            large = np.kron(levels, np.ones((16, 16))).astype(np.uint8)
            content = saved(large, "PNG") if place < 12 else saved(large, "JPEG", quality=90)
            fake.files[fake.tasks[task]["data"]["image"]] = content
        connect_project(context, number, 'encoder = "tiny"\nselector_options = {folds = 2}\n')
        done = run_round(context, number)
        assert done.record["near_duplicates"] == 2 * copies
        with site(context.settings) as web:
            return web.get(f"/projects/{number}").get_data(as_text=True), sorted(fake.tasks)

    return shown


def test_groups_of_near_duplicates_whose_labels_disagree_are_named(page):
    text, ids = page(["dog", "dog", "cat"], 3)  # the first is a cat where it came first
    told = re.search(r'<p id="duplicates">.*?</p>', text, re.DOTALL)[0]
    assert "6 tasks show nearly the same image as another one, in 3 groups" in told
    assert "The labels of 1 group disagree:" in told
    assert re.findall(r"task=(\d+)", told) == [str(ids[0]), str(ids[12])]


def test_near_duplicates_with_the_same_label_are_counted_only(page):
    text, _ = page(["cat", "dog"], 2)
    assert "in 2 groups. Their labels agree." in text
