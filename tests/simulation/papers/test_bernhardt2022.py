"""What the figures and tables of Bernhardt et al. 2022 compute."""

from pathlib import Path

import numpy as np
import pytest
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.papers.bernhardt2022.figure4 import PARTS, shares
from relabel.simulation.papers.bernhardt2022.figure6 import confusion, dominant, figure6
from relabel.simulation.papers.bernhardt2022.table2 import NOISES, compare
from relabel.simulation.papers.bernhardt2022.table3 import groups_of, table3
from relabel.simulation.papers.parts.entry import Job, Numbers
from rich.console import Console

REAL = Path(__file__).resolve().parents[4] / "shared" / "data"


def job_in(folder, out, **numbers):
    return Job(folder, out, Numbers(**{"seeds": 1, "samples": 200, **numbers}), 1, Console())


def test_parts_of_a_ranking_are_shares_of_it():
    ranked = np.arange(200) < 30
    assert shares(ranked).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert shares(np.ones(200, dtype=bool)).tolist() == [1.0] * len(PARTS)


def test_confusions_are_means_over_the_images_of_a_class():
    """At temperature 2 shares of .64 and .36 become those of .8 and .6."""
    rows = np.array([[0.64, 0.36, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    matrix = confusion(Dataset("x", ("a", "b", "c"), rows), np.ones(3, dtype=bool))
    np.testing.assert_allclose(matrix[0], [(0.8 / 1.4 + 1) / 2, 0.6 / 1.4 / 2, 0])
    assert matrix[2].tolist() == [0, 0, 0]
    assert dominant(np.array([[0.6, 0.4], [0.7, 0.3]])) == 1


@pytest.mark.skipif(not (REAL / "cifar10h_test.npz").exists(), reason="needs CIFAR-10H")
def test_the_published_images_have_the_known_noise(tmp_path):
    rows = figure6(job_in(REAL, tmp_path, samples=10_000)).paper
    said = {row["row"]: row["ours"] for row in rows}
    assert said["all images: expected share of wrong labels"] == "0.1312 of 10,000"
    assert said["difficult images: expected share of wrong labels"] == "0.5519 of 454"


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_cleaning_takes_wrong_labels_away_and_true_labels_have_none(noise, tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(600) % 10)
    vectors = (rng.normal(size=(10, 8))[labels] * 2 + rng.normal(size=(600, 8))).astype(np.float32)
    data = Dataset("x", tuple("abcdefghij"), certain(labels, 10), features=vectors)
    found = compare(data, 400, noise, job_in(tmp_path, tmp_path, epochs=20), 0)
    wrong = {name: figures[2] for name, figures in found.items()}
    assert wrong["noisy"] > wrong["10 % cleaned"] > wrong["20 % cleaned"] > wrong["true"] == 0
    assert wrong["noisy"] == pytest.approx(0.4, abs=0.1)
    assert wrong["noisy"] - wrong["20 % cleaned"] > 0.4 * 0.2, "better than at random"


def test_every_chest_x_ray_is_in_one_group(small_data, tmp_path):
    from relabel.simulation.data.sources.noisy_cxr import read_cases

    groups = groups_of(read_cases(small_data))
    assert [mine.sum() for mine in groups.values()] == [2, 2, 2, 2]
    said = {row["row"]: row["ours"] for row in table3(job_in(small_data, tmp_path)).paper}
    assert said["NIH: pneumonia"] == "1 and 1"
    # A report names pneumonia, or follows the radiologists where it is unclear.
    assert said["NoisyCXR: opacity"] == "2 and 1"
    assert said["wrong labels"] == "37.50%"
