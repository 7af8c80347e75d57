"""Data sets that are image files: one folder per class, a CSV file, ISIC 2019, NCT-CRC."""

import csv
import gzip
from pathlib import Path

import numpy as np

from relabel.errors import ConfigurationError
from relabel.simulation.dataset import Dataset, certain
from relabel.simulation.datasets.files import find

IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}

NCT_CRC = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")
"""Tissue classes of NCT-CRC-HE-100K, one folder each."""


def image_folder(folder: Path) -> Dataset:
    """Any folder that holds one folder of images per class; these labels count as the truth."""
    return class_folders(folder, folder.name or "image_folder")


def nct_crc(folder: Path) -> Dataset:
    """NCT-CRC-HE-100K: colorectal tissue tiles, one folder per class."""
    source = "https://zenodo.org/records/1214456 (NCT-CRC-HE-100K.zip)"
    inside = find(folder, ("NCT-CRC-HE-100K",), "nct_crc", source)
    for name in NCT_CRC:
        find(inside, (name,), "nct_crc", source)
    return class_folders(inside, "nct_crc")


def isic2019(folder: Path) -> Dataset:
    """ISIC 2019 skin lesions: ISIC_2019_Training_GroundTruth.csv and the folder of its images."""
    source = "https://challenge.isic-archive.com/data/#2019"
    stem = "ISIC_2019_Training_GroundTruth.csv"
    table = read_table(find(folder, (stem, stem + ".gz"), "isic2019", source))
    images = find(folder, ("ISIC_2019_Training_Input",), "isic2019", source)
    classes = tuple(c for c in table[0] if c not in {"image", "UNK"})
    scores = np.array([[float(row[c]) for c in classes] for row in table])
    paths = tuple(str(images / (row["image"] + ".jpg")) for row in table)
    return Dataset("isic2019", classes, certain(scores.argmax(1), len(classes)), paths=paths)


def csv_file(folder: Path) -> Dataset:
    """labels.csv with the columns image, truth and, if there are initial labels, label.

    Image paths are relative to the CSV file.
    """
    path = folder if folder.suffix == ".csv" else folder / "labels.csv"
    if not path.exists():
        raise ConfigurationError(
            f"dataset='csv' needs {path} with the columns image, truth and optionally label."
        )
    table = read_table(path)
    if not table or not {"image", "truth"} <= set(table[0]):
        raise ConfigurationError(f"{path} must have rows and the columns image and truth.")
    classes = tuple(
        sorted(
            {row["truth"] for row in table} | {row.get("label") or row["truth"] for row in table}
        )
    )
    number = {name: c for c, name in enumerate(classes)}
    truth = np.array([number[row["truth"]] for row in table])
    given = None
    if "label" in table[0]:
        given = np.array([number.get(row["label"], -1) for row in table], dtype=np.int64)
    return Dataset(
        name=path.stem,
        classes=classes,
        distributions=certain(truth, len(classes)),
        paths=tuple(str(path.parent / row["image"]) for row in table),
        given=given,
    )


def class_folders(folder: Path, name: str, skip: tuple[str, ...] = ()) -> Dataset:
    """Return the images below `folder`, their class named by the folder they lie in."""
    inside = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    classes = [p for p in inside if p.name not in skip and _images_in(p)]
    if len(classes) < 2:
        raise ConfigurationError(
            f"--data-dir {folder} must hold at least two folders of images, one per class; "
            f"found {len(classes)}."
        )
    files = [(c, path) for c, sub in enumerate(classes) for path in _images_in(sub)]
    labels = np.array([c for c, _ in files])
    return Dataset(
        name=name,
        classes=tuple(p.name for p in classes),
        distributions=certain(labels, len(classes)),
        paths=tuple(str(path) for _, path in files),
    )


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, which may be compressed with gzip."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _images_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGES)
