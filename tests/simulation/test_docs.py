"""The documentation names everything that can be chosen."""

from pathlib import Path

import pytest
from relabel.simulation.data.noise_models import NOISE_MODELS
from relabel.simulation.data.sources import DATASETS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "simulation.md").read_text()


@pytest.mark.parametrize("name", [*DATASETS, *NOISE_MODELS])
def test_every_data_set_and_noise_model_has_its_row(name):
    assert f"`{name}`" in TEXT
