"""Data sets are read from local files, and a missing file is named with where to get it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.simulation.campaign.people import NOBODY, make_annotators
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.sources import DATASETS, load_dataset
from relabel.simulation.data.sources.noisy_cxr import (
    Cases,
    collapse_boxes,
    initial_labels,
    vote_for_opacity,
)
from relabel.simulation.data.tables import read_table

REAL = Path(__file__).resolve().parents[4] / "shared" / "data"


def picture(path, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), shade).save(path)


def test_digits_need_no_file(tmp_path):
    data = load_dataset("digits", tmp_path / "absent")
    assert len(data) == 1797
    assert data.images.shape == (1797, 8, 8)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10h", "cifar10h-counts.npy"),
        ("cifar10n", "cifar10_train_jpeg.npz"),
        ("medmnist", "pathmnist.npz"),
        ("isic2019", "ISIC_2019_Training_GroundTruth.csv"),
        ("nct_crc", "NCT-CRC-HE-100K"),
        ("noisy_cxr", "stage_2_train_labels.csv"),
        ("csv", "labels.csv"),
        ("label_studio", "export.json"),
    ],
)
def test_missing_file_is_named(tmp_path, name, file):
    with pytest.raises(ConfigurationError, match=file):
        load_dataset(name, tmp_path)


def test_unknown_data_set_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ConfigurationError, match="known: digits"):
        load_dataset("mnist9", tmp_path)
    assert "mnist9" not in DATASETS


def test_recorded_people_come_in_their_order_and_none_after_the_last(tmp_path):
    """One label is the first one, the other two are the answers."""
    said = {f"random_label{n}": np.array([n % 3, 1, 2]) for n in (1, 2, 3)}
    np.savez(tmp_path / "cifar10_train_jpeg.npz", y=np.array([0, 1, 2]), **said)
    scale = np.ones(2, dtype=np.float32)
    packed = np.zeros((3, 2), dtype=np.int8)
    np.savez(tmp_path / "cifar10_train_features.npz", features_int8=packed, scale=scale)
    data = load_dataset("cifar10n_people", tmp_path).rows(np.array([0, 2]))
    assert data.given.tolist() == [1, 2]
    people = make_annotators(data.distributions, None, 0, data.answers)
    assert [people(0, nth) for nth in range(3)] == [(2, 0), (0, 1), (NOBODY, NOBODY)]


def test_image_folder_takes_classes_from_its_folders(tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/1.png", "notes/readme.txt"):
        if name.endswith("png"):
            picture(tmp_path / name)
    data = load_dataset("image_folder", tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.truth.tolist() == [0, 0, 1]


def test_csv_brings_truth_and_initial_labels(tmp_path):
    for name in "abc":
        picture(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("image,truth,label\na.png,x,y\nb.png,y,y\nc.png,x,\n")
    data = load_dataset("csv", tmp_path)
    assert data.classes == ("x", "y")
    assert [data.classes[c] for c in data.truth] == ["x", "y", "x"]
    assert data.given.tolist()[2] == -1


def test_isic_ignores_its_unknown_class(tmp_path):
    for name in ("i1", "i2"):
        picture(tmp_path / "ISIC_2019_Training_Input" / f"{name}.jpg")
    header = "image,MEL,NV,UNK\n"
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(header + "i1,0,1,0\ni2,1,0,0\n")
    data = load_dataset("isic2019", tmp_path)
    assert (data.classes, data.truth.tolist()) == (("MEL", "NV"), [1, 0])


def test_medmnist_file_is_read_and_named(tmp_path):
    np.savez(
        tmp_path / "pathmnist.npz",
        train_images=np.zeros((3, 28, 28), dtype=np.uint8),
        train_labels=np.array([[0], [1], [2]]),
    )
    assert load_dataset("medmnist", tmp_path).truth.tolist() == [0, 1, 2]


def test_wrong_counts_file_is_refused_by_its_digest(tmp_path):
    np.savez(
        tmp_path / "cifar10h_test.npz",
        counts=np.ones((3, 10), dtype=np.uint8),
        x=np.zeros((3, 32, 32, 3), dtype=np.uint8),
    )
    with pytest.raises(ConfigurationError, match="not the published file"):
        load_dataset("cifar10h", tmp_path)


def cases(opacity, nih):
    n = len(opacity)
    none = np.zeros(n, dtype=bool)
    return Cases(tuple(map(str, range(n))), np.array(opacity), tuple(nih), none, none)


def test_noisy_cxr_has_the_published_noise_on_the_published_groups():
    groups = [
        (("Pneumonia",), 367, 441),
        (("Infiltration", "Mass"), 3988, 8551),
        (("Nodule",), 1101, 5567),
        (("No Finding",), 556, 6113),
    ]
    opacity = [v for _, yes, no in groups for v in [True] * yes + [False] * no]
    nih = [labels for labels, yes, no in groups for _ in range(yes + no)]
    made = cases(opacity, nih)
    labels = initial_labels(made, np.random.default_rng(1234))
    wrong = labels != made.opacity
    assert len(labels) == 26_684
    assert wrong.mean() == pytest.approx(0.12558, abs=1e-5)
    assert wrong[808 : 808 + 12_539].sum() == 1253
    assert wrong.sum() - 1253 == 2098


def test_noisy_cxr_votes_are_uncertain_where_the_readers_were():
    made = Cases(
        ("a", "b", "c", "d"),
        opacity=np.array([True, True, False, False]),
        nih=((),) * 4,
        boxed=np.array([True, True, True, False]),
        low_confidence=np.array([True, False, True, False]),
    )
    assert vote_for_opacity(made) == pytest.approx([2 / 3, 1, 1 / 3, 0])


@pytest.mark.skipif(
    not (REAL / "medical" / "rsna_stage_2_train_labels.csv.gz").exists(),
    reason="needs the RSNA label file in ../shared/data",
)
def test_boxes_of_the_rsna_file_collapse_to_one_label_per_patient():
    path = REAL / "medical" / "rsna_stage_2_train_labels.csv.gz"
    rows = [row.cells for row in read_table(path, ("patientId", "Target")).rows]
    patients, opacity = collapse_boxes(rows)
    boxed = {row["patientId"] for row in rows if row["Target"] == "1"}
    assert len(rows) == 30_142
    assert len(patients) == len({row["patientId"] for row in rows}) == 26_605
    assert {
        patient for patient, is_boxed in zip(patients, opacity, strict=True) if is_boxed
    } == boxed


def test_noisy_cxr_is_built_from_the_users_files(tmp_path):
    (tmp_path / "stage_2_train_labels.csv").write_text(
        "patientId,x,y,width,height,Target\np1,,,,,0\np2,1,1,2,2,1\np2,3,3,2,2,1\np3,,,,,0\n"
    )
    (tmp_path / "RSNA_pneumonia_all_probs.csv").write_text(
        "patientId,labelName\np2,Lung Opacity (Low Prob)\np3,Lung Opacity (High Prob)\n"
    )
    mapping = [
        {"subset_img_id": "p1", "orig_labels": ["No Finding"]},
        {"subset_img_id": "p2", "orig_labels": ["Effusion"]},
        {"subset_img_id": "p3", "orig_labels": ["Pneumonia"]},
    ]
    path = tmp_path / "pneumonia-challenge-dataset-mappings_2018.json"
    path.write_text(json.dumps(mapping))
    data = load_dataset("noisy_cxr", tmp_path)
    assert data.given.tolist() == [0, 0, 1]
    assert data.truth.tolist() == [0, 1, 0]
    assert data.distributions[:, 1] == pytest.approx([0, 2 / 3, 1 / 3])


def test_rows_that_are_no_distributions_are_refused():
    with pytest.raises(InvalidValuesError, match="not distributions"):
        Dataset("made", ("a", "b"), np.array([[0.5, 0.6]]))
