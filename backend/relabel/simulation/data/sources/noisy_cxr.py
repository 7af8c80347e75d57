"""NoisyCXR: chest X-rays whose first labels came from reports and whose truth from radiologists.

Built by the user from their own copies (the files may not be passed on):

* stage_2_train_labels.csv, the RSNA Pneumonia Detection Challenge's boxes: patientId, Target;
* pneumonia-challenge-dataset-mappings_2018.json, RSNA's key to the NIH images and their labels;
* RSNA_pneumonia_all_probs.csv, every reader's boxes with "Low Prob", "Medium Prob", "High Prob".

Construction: Bernhardt et al. 2022, Methods and Table 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relabel.errors import ConfigurationError
from relabel.files import read_json, told
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.files import find
from relabel.simulation.data.tables import read_table
from relabel.types import BoolArray, FloatArray, IntArray

SEED = 1234
FLIPPED = 0.10
"""Share of the unclear cases whose label is flipped."""

UNCLEAR_POSITIVE, UNCLEAR_NEGATIVE = 2 / 3, 1 / 3
"""Chance of a vote for opacity: all boxes of low confidence; boxes, but a negative final label."""

RSNA = "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data"
MAPPING = "https://www.rsna.org/rsnai/ai-image-challenge/rsna-pneumonia-detection-challenge-2018"


@dataclass(frozen=True, slots=True)
class Cases:
    """N patients. opacity: (N,) the radiologists' final label; nih: each image's NIH labels.

    low_confidence: (N,) every reader's box is of low confidence; boxed: (N,) some reader drew one.
    """

    patients: tuple[str, ...]
    opacity: BoolArray
    nih: tuple[tuple[str, ...], ...]
    boxed: BoolArray
    low_confidence: BoolArray


def noisy_cxr(folder: Path) -> Dataset:
    """Two classes, 26,684 images, 12.6 % wrong at first; images/<patientId>.png are optional."""
    cases = read_cases(folder)
    positive = vote_for_opacity(cases)
    paths = tuple(str(folder / "images" / f"{patient}.png") for patient in cases.patients)
    return Dataset(
        name="noisy_cxr",
        classes=("no opacity", "opacity"),
        distributions=np.stack([1 - positive, positive], axis=1),
        given=initial_labels(cases, np.random.default_rng(SEED)),
        paths=paths if all(Path(p).exists() for p in paths) else (),
    )


def read_cases(folder: Path) -> Cases:
    """Read the three files from `folder`; `.csv.gz` is read too."""
    boxes = _read(folder, "stage_2_train_labels.csv", RSNA, ("patientId", "Target"))
    mapping = find(
        folder, ("pneumonia-challenge-dataset-mappings_2018.json",), "noisy_cxr", MAPPING
    )
    readers = _read(folder, "RSNA_pneumonia_all_probs.csv", MAPPING, ("patientId",))
    patients, opacity = collapse_boxes(boxes)
    nih = _nih_labels(mapping)
    missing = [patient for patient in patients if patient not in nih]
    if missing:
        raise ConfigurationError(
            f"{told(mapping)} lacks {len(missing)} patients, first {missing[0]!r}."
        )
    drawn: dict[str, list[str]] = {}
    for row in readers:
        drawn.setdefault(row["patientId"], []).extend(v for v in row.values() if "Prob" in str(v))
    return Cases(
        patients=patients,
        opacity=opacity,
        nih=tuple(nih[patient] for patient in patients),
        boxed=np.array([bool(drawn.get(p)) for p in patients]),
        low_confidence=np.array([_all_low(drawn.get(p, [])) for p in patients]),
    )


def _nih_labels(mapping: Path) -> dict[str, tuple[str, ...]]:
    keys = read_json(mapping)
    try:
        return {str(k["subset_img_id"]): tuple(map(str, k["orig_labels"])) for k in keys}
    except (TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{told(mapping)} must be a list of objects with subset_img_id and orig_labels; get it "
            f"from: {MAPPING}"
        ) from error


def collapse_boxes(rows: Sequence[dict[str, str]]) -> tuple[tuple[str, ...], BoolArray]:
    """Return each patient once, in order of appearance, and whether any of its rows has a box."""
    opacity: dict[str, bool] = {}
    for row in rows:
        opacity[row["patientId"]] = opacity.get(row["patientId"], False) or row["Target"] == "1"
    return tuple(opacity), np.array(list(opacity.values()))


def initial_labels(cases: Cases, rng: np.random.Generator) -> IntArray:
    """Return (N,) labels as a report-mining program would give them, 1 = opacity."""
    named = [" ".join(labels).lower() for labels in cases.nih]
    pneumonia = np.array(["pneumonia" in text for text in named])
    unclear = np.array(["consolidation" in text or "infiltration" in text for text in named])
    unclear &= ~pneumonia
    rows = np.flatnonzero(unclear)
    flipped = rng.permutation(rows)[: int(FLIPPED * len(rows))]
    labels = pneumonia | (unclear & cases.opacity)
    labels[flipped] = ~cases.opacity[flipped]
    return labels.astype(np.int64)


def vote_for_opacity(cases: Cases) -> FloatArray:
    """Return (N,) the chance that an annotator sees an opacity."""
    unsure = np.where(cases.opacity, cases.low_confidence, cases.boxed)
    doubtful = np.where(cases.opacity, UNCLEAR_POSITIVE, UNCLEAR_NEGATIVE)
    return np.where(unsure, doubtful, cases.opacity.astype(np.float64))


def _read(folder: Path, name: str, source: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    names = (name, f"{name}.gz", f"rsna_{name}.gz")
    table = read_table(find(folder, names, "noisy_cxr", source), columns)
    cut = [part for part in table.unread if part.count]
    if cut:
        raise ConfigurationError(f"{told(table.path)}: rows are damaged: {cut[0]}; get it again.")
    return [row.cells for row in table.rows]


def _all_low(boxes: list[str]) -> bool:
    return bool(boxes) and all("Low Prob" in box for box in boxes)
