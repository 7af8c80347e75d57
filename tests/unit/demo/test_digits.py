import io
from pathlib import Path

import numpy as np
from PIL import Image
from relabel.demo import digits
from relabel.demo.annotators import ServedTask
from relabel.demo.figures import MEANINGS, count
from relabel.demo.upload import image_name

CONFIG = Path(__file__).parents[3] / "labelstudio_config" / "digits.xml"


def test_exactly_the_asked_share_of_labels_is_wrong():
    data = digits.load(0.2, np.random.default_rng(0))
    assert len(data.truth) == 1797
    assert (data.given != data.truth).sum() == round(0.2 * 1797)


def test_wrong_labels_are_uniform_over_the_other_classes():
    """Chi-square of the shifts over nine classes stays below the 99.9 % point (26.1)."""
    data = digits.load(1.0, np.random.default_rng(0))
    shifts = np.bincount((data.given - data.truth) % 10, minlength=10)
    assert shifts[0] == 0
    expected = 1797 / 9
    assert ((shifts[1:] - expected) ** 2 / expected).sum() < 26.1


def test_the_same_seed_gives_the_same_wrong_labels():
    first, second = (digits.load(0.2, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first.given, second.given)


def test_images_are_enlarged_dark_on_light():
    data = digits.load(0.0, np.random.default_rng(0), limit=1)
    image = Image.open(io.BytesIO(digits.png(data.pixels[0])))
    assert (image.size, image.mode) == ((128, 128), "L")
    assert np.asarray(image)[0, 0] == 255  # the corner is paper


def test_the_name_survives_the_prefix_of_label_studio():
    assert image_name("/data/upload/3/8a9bfc4a-digit-0007.png") == "digit-0007.png"


def test_the_shipped_labelling_config_is_the_one_that_the_demo_uses():
    assert CONFIG.read_text() == digits.label_config()


def test_figures_count_wrong_labels_served_corrected_and_broken():
    original, anna, ben = 9, 1, 2
    truth = {"a": "0", "b": "1", "c": "2", "d": "3"}
    tasks = {
        1: ("a", {original: "5", anna: "0", ben: "0"}),  # corrected
        2: ("b", {original: "1", anna: "4", ben: "4"}),  # broken
        3: ("c", {original: "7", anna: "2"}),  # wrong, undecided
        4: ("d", {original: "3"}),  # not served
    }
    served = [
        ServedTask(number, user, 0.1, "", "", "")
        for number, user in [(1, anna), (1, ben), (2, anna), (2, ben), (3, anna)]
    ]
    status = {"settled": 2, "ambiguous": 0, "rounds": 2, "votes": 5}
    figures = count(tasks, truth, original, served, status)
    assert figures == {
        "tasks": 4,
        "initial_noise_rate": 0.5,
        "votes": 5,
        "tasks_served": 3,
        "served_wrong": 2,
        "expected_served_wrong_random": 1.5,
        "corrected": 1,
        "broken": 1,
        "settled": 2,
        "ambiguous": 0,
        "rounds": 2,
        "queue_order_exact": True,
        "votes_in_label_studio": 5,
        "votes_in_store": 5,
    }
    assert set(MEANINGS) == {*figures, "seconds"}
