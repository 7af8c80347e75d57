import json
from pathlib import Path

import pytest
from relabel.labelstudio.contract import required_settings
from relabel.labelstudio.labels import parse_label_config

FOLDER = Path(__file__).parents[2] / "labelstudio_config"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.name)
def test_every_shipped_config_is_supported_and_refuses_an_empty_submit(path):
    schema = parse_label_config(path.read_text())
    assert schema.required
    assert len(schema.classes) >= 2


def test_the_shipped_settings_include_all_that_connecting_sets():
    settings = json.loads((FOLDER / "project_settings.json").read_text())
    assert required_settings("").items() <= settings.items()


def test_every_shipped_file_and_setting_is_explained():
    readme = (FOLDER / "README.md").read_text()
    settings = json.loads((FOLDER / "project_settings.json").read_text())
    for name in [path.name for path in FOLDER.iterdir() if path.name != "README.md"]:
        assert f"`{name}`" in readme
    for key in settings:
        assert f"`{key}`" in readme
