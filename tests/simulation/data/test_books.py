"""Samples that cannot be judged are left out of every figure, and stand in the books."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.command import run_simulation
from relabel.simulation.data.books import by_class, with_first_labels, without_first_labels
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.encoding import with_features
from relabel.simulation.experiment.runs import run_experiment
from relabel.simulation.experiment.setting import Setting
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.plan import SimulationOptions
from rich.console import Console


def labelled(truth, labels, classes=("ball", "box", "tent"), **values):
    truth, labels = np.array(truth), np.array(labels)
    return Dataset("made", classes, certain(truth, len(classes)), given=labels, **values)


def figures(data):
    """Return every figure of a campaign by the data set's own first labels, seconds aside."""
    setting, methods = Setting(data, "given", None), (Method("truth", "ce"),)
    rows = summarise(setting, methods, run_experiment(setting, methods, (0,)))
    return [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]


@settings(max_examples=25, deadline=None)
@given(
    truth=st.lists(st.integers(0, 2), min_size=4, max_size=24),
    draw=st.data(),
)
def test_a_missing_first_label_changes_no_figure(truth, draw):
    """All figures are those of the samples that have one, as if there were no others."""
    assume(len(set(truth)) > 1)
    n = len(truth)
    labels = draw.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    there = [i for i in range(n) if labels[i] >= 0]
    data = labelled(truth, labels)
    if len({truth[i] for i in there}) < 2:
        with pytest.raises(ConfigurationError):
            with_first_labels(data)
        return
    kept = with_first_labels(data)
    book = kept.accounts.book("first labels")
    assert (book.total, book.count("missing")) == (n, n - len(there))
    assert len(kept) == len(there) == sum(p.count for p in book.parts if p.used)
    assert kept.given.tolist() == [kept.classes.index(data.classes[labels[i]]) for i in there]
    wrong = sum(labels[i] != truth[i] for i in there)
    alone = labelled([truth[i] for i in there], [labels[i] for i in there])
    found = figures(kept)
    assert found[0]["noise_rate"] == pytest.approx(wrong / len(there))
    if len(kept.classes) == len(data.classes):
        # Compared as text: NaN is no figure, and equals none.
        assert json.dumps(found) == json.dumps(figures(alone))


def test_half_blank_and_the_rest_right_is_no_wrong_label():
    data = with_first_labels(labelled([0, 1, 2] * 4, [0, 1, 2, -1, -1, -1] * 2))
    assert len(data) == 6
    assert [row["noise_rate"] for row in figures(data)] == [0, 0, 0]


def test_nothing_below_takes_a_missing_first_label():
    data = labelled([0, 1, 2], [0, -1, 2])
    for setting in (Setting(data, "given", None), Setting(data, "", None, labels=data.given)):
        with pytest.raises(InvalidValuesError, match="1 samples of made have no first label"):
            run_experiment(setting, (), (0,))


def test_first_labels_that_a_noise_model_draws_instead_are_told():
    data = without_first_labels(labelled([0, 1, 2], [0, -1, 2]), "symmetric")
    assert data.given is None
    assert data.accounts.lines() == (
        "3 first labels: 1 missing, 2 left out",
        "  left out: 2 not used: symmetric noise draws the first labels",
    )


def test_a_first_label_that_no_sample_truly_is_is_named_with_the_nearest():
    data = with_first_labels(labelled([0, 1, 0], [0, 1, 2], classes=("ball", "box", "bal")))
    assert data.accounts.lines() == (
        '3 first labels: 2 used, 1 used, though no sample truly is "bal" (nearest: ball)',
    )


def test_samples_are_told_by_class_with_what_is_odd_about_its_name():
    data = labelled([0, 0, 1, 2, 3], [0] * 5, classes=("ball", "Ball", "nan", "box"))
    apart = "(kept apart, though another differs in case or blanks only)"
    none = "(read as a class; empty the cell if it is none)"
    assert by_class(data).accounts.lines() == (
        f'5 samples: 2 "ball" {apart}, 1 "Ball" {apart}, 1 "nan" {none}, 1 "box"',
    )


def test_of_many_classes_the_largest_are_named():
    truth = np.arange(30)
    data = by_class(labelled(truth, truth, classes=tuple(f"c{c}" for c in range(30))))
    assert data.accounts.lines()[0].endswith('1 "c11", 18 of 18 more classes')


def picture(path, kind, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (16, 16), (seed % 40, seed % 23, seed % 31))
    draw = ImageDraw.Draw(image)
    box = (3, 3, 12, 12)
    (draw.ellipse if kind == "ball" else draw.rectangle)(box, fill=(200, 20 * (kind == "box"), 9))
    image.save(path)


@pytest.fixture
def folder(tmp_path):
    for kind in ("ball", "box", "tent"):
        for i in range(8):
            picture(tmp_path / "in" / kind / f"{i}.png", kind, i * 7)
    return tmp_path / "in"


def all_of(folder):
    """Return the data set of all pictures, their own labels first."""
    files = sorted(folder.rglob("*.png"))
    labels = [["ball", "box", "tent"].index(path.parent.name) for path in files]
    return labelled(labels, labels, paths=tuple(map(str, files)))


def test_images_that_cannot_be_read_are_left_out_with_the_reason(folder, tmp_path):
    data = all_of(folder)
    (folder / "box" / "1.png").write_text("<html>")
    (folder / "box" / "2.png").write_bytes(b"")
    (folder / "tent" / "7.png").unlink()
    kept = with_features(data, "tiny", tmp_path, max_pixels=10**6)
    assert len(kept) == len(kept.features) == len(kept.paths) == 21
    book = kept.accounts.book("images")
    assert (book.total, book.count("unreadable")) == (24, 3)
    told = list(map(str, book.left_out[0].examples))
    assert told[0].startswith(f"{folder / 'box' / '1.png'}: cannot be decoded")
    assert told[2] == f"{folder / 'tent' / '7.png'}: No such file or directory"
    again = with_features(data, "tiny", tmp_path, max_pixels=10**6)
    assert again.paths == kept.paths


def test_a_class_of_which_no_image_can_be_read_is_left_out(folder, tmp_path):
    for i in range(8):
        (folder / "tent" / f"{i}.png").write_text("version https://git-lfs.github.com/spec/v1")
    kept = with_features(all_of(folder), "tiny", tmp_path, max_pixels=10**6)
    assert kept.classes == ("ball", "box")
    assert kept.distributions.shape == (16, 2)
    assert kept.accounts.lines()[-2:] == (
        "3 classes: 2 used, 1 left out",
        '  left out: 1 without a sample: "tent"',
    )


def test_nothing_but_unreadable_images_is_refused(folder, tmp_path):
    data = all_of(folder)
    for path in data.paths:
        Path(path).write_bytes(b"")
    with pytest.raises(ConfigurationError) as message:
        with_features(data, "tiny", tmp_path / "cache", max_pixels=10**6)
    assert data.paths[0] in str(message.value)
    assert "no image can be read; 24 cannot be read" in str(message.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_the_books_are_told_before_the_campaign_and_in_every_result(folder, tmp_path):
    rows = [f"{p.relative_to(folder)},{p.parent.name}" for p in sorted(folder.rglob("*.png"))]
    lines = [f"{row},{row.split(',')[1] if i % 2 else ''}" for i, row in enumerate(rows)]
    lines[0] = "ball/none.png,ball,ball"
    (folder / "labels.csv").write_text("\n".join(["image,truth,label", *lines]))
    shown = StringIO()
    options = SimulationOptions(
        dataset="csv", data_dir=folder, seeds=1, score=("ce",), out=tmp_path / "out", workers=1
    )
    run_simulation(options, Console(file=shown, width=200))
    books = (
        "24 rows: 23 used, 1 left out",
        "  left out: 1 of an image that is not there: line 2 (ball/none.png)",
        "23 first labels: 12 used, 11 left out",
        "12 samples: 4 ",
    )
    page = (tmp_path / "out" / "report.html").read_text()
    for line in books:
        assert line in shown.getvalue()
        assert line in page
    assert shown.getvalue().index(books[-1]) < shown.getvalue().index("campaigns")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["accounts"]["first labels"]["total"] == 23
    assert summary["accounts"]["samples"]["total"] == 12
    assert all(row["noise_rate"] == 0 for row in summary["rows"])
    assert "12 samples of labels, 3 classes, 0.0 % of the labels wrong" in page
