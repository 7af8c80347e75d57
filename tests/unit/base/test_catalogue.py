"""What a policy may choose from, told without importing torch."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from relabel.catalogue import (
    COMPOSED,
    DIVERSITY_OPTIONS,
    ENCODER_NAMES,
    ENCODER_WEIGHTS,
    SELECTOR_OPTIONS,
    WEIGHTS_ADDRESS,
    WITHOUT_WEIGHTS,
    check_options,
)
from relabel.errors import ConfigurationError
from relabel.learning.encoders.registry import ENCODERS
from relabel.learning.selectors.registry import SELECTORS, options_of
from relabel.numerics.diversity.registry import DIVERSITY
from relabel.numerics.diversity.spread import Surroundings, diversity_inputs
from relabel.service.context import policy_of
from relabel.settings import Settings
from relabel.simulation.campaign.rankings import Method


def test_names_are_those_that_learning_knows():
    assert set(SELECTOR_OPTIONS) == set(SELECTORS)
    assert set(ENCODER_NAMES) == set(ENCODERS)
    assert set(DIVERSITY_OPTIONS) == set(DIVERSITY)


@pytest.mark.parametrize("name", SELECTORS)
def test_options_are_those_of_the_selector(name):
    assert SELECTOR_OPTIONS[name] == options_of(name)


@pytest.mark.parametrize("name", DIVERSITY)
def test_options_of_a_way_to_spread_are_what_the_data_does_not_give(name):
    given = diversity_inputs(
        name,
        surroundings=Surroundings(np.eye(12, dtype=np.float32), 0),
        labels=np.arange(12),
        pool=np.ones(12, dtype=bool),
        contribution=np.ones(12),
    )
    parameters = inspect.signature(DIVERSITY[name]).parameters.values()
    keywords = {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}
    own = {key: kind for key, kind in keywords.items() if key not in given}
    assert DIVERSITY_OPTIONS[name] == own


@pytest.mark.parametrize("value", ["five", 2.5, True, None])
def test_an_option_of_another_type_is_refused(value):
    with pytest.raises(ConfigurationError, match=f"'folds' of selector 'linear' is {value!r}"):
        check_options("Selector", "linear", {"folds": value}, SELECTOR_OPTIONS["linear"])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            "selector_options = {fold = 3}",
            "Selector 'linear' has no option 'fold'; its options: folds",
        ),
        ("selector_options = {folds = 2.5}", "Option 'folds' of selector 'linear' is 2.5"),
        ("diversity_options = {steps = 3}", "Diversity 'none' has no option 'steps'"),
        (
            "diversity = 'diffusion'\ndiversity_options = {steps = 'few'}",
            "Option 'steps' of diversity 'diffusion' is 'few'; it must be int",
        ),
        (
            "selector = 'ensemble'\nselector_options = {of = [3]}",
            "Option 'of' of selector 'ensemble'",
        ),
    ],
)
def test_wrong_options_in_extra_params_are_refused_before_any_round(params, message):
    with pytest.raises(ConfigurationError, match=message.replace("[", r"\[")):
        policy_of(Settings(), params)


PARTS = {"vanilla": {"passes": 5, "mc_dropout": True}}


@pytest.mark.parametrize(
    ("selector", "options"),
    [
        ("linear", {}),
        ("simifeat", {}),
        ("vanilla", {}),
        ("o2u", {"passes": 5}),
        ("auto", {}),
        ("cross_fit", {}),
        ("ensemble", {"of": ["linear"]}),
    ],
)
def test_a_score_that_compares_networks_is_refused_where_there_is_one(selector, options):
    params = {"score": "bald", "selector": selector, "selector_options": options}
    with pytest.raises(ConfigurationError, match=f"'?score = \"bald\".*'?{selector}.*choose co_te"):
        policy_of(Settings(), params)


@pytest.mark.parametrize(
    ("selector", "options"),
    [
        ("co_teaching", {}),
        ("vanilla", PARTS["vanilla"]),
        ("ensemble", {}),
        ("cross_fit", {"of": "co_teaching"}),
        ("cross_fit", {"options": PARTS}),
        ("auto", {"candidates": ["co_teaching"], "fallback": "vanilla", "options": PARTS}),
    ],
)
def test_a_score_that_compares_networks_is_taken_where_there_are_several(selector, options):
    params = {"score": "bald", "selector": selector, "selector_options": options}
    assert policy_of(Settings(), params).score == "bald"


def test_a_simulation_refuses_the_same_pair():
    with pytest.raises(ConfigurationError, match=r'score = "bald".*"linear"'):
        Method("linear", "bald")


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"linear": {"fold": 3}}, "Selector 'linear' has no option 'fold'"),
        ({"linear": {"folds": "x"}}, "Option 'folds' of selector 'linear' is 'x'"),
        ({"liner": {}}, "names 'liner'.*Did you mean 'linear'"),
        ({"auto": {}}, "names 'auto'"),
        (["linear"], "Option 'options' of selector"),
        ({"linear": 3}, "Option 'options' of selector"),
    ],
)
def test_wrong_options_of_a_selector_inside_another_are_refused(name, parts, message):
    params = {"selector": name, "selector_options": {"options": parts}}
    with pytest.raises(ConfigurationError, match=message):
        policy_of(Settings(), params)


def test_a_policy_is_checked_without_torch():
    code = "import sys, relabel.service.context; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_weights_are_those_that_torchvision_would_fetch():
    from relabel.settings import weights_folder
    from torch import hub
    from torchvision import models

    assert set(WITHOUT_WEIGHTS) | set(ENCODER_WEIGHTS) <= set(ENCODERS)
    for name, (file, megabytes) in ENCODER_WEIGHTS.items():
        weights = models.get_model_weights(name).DEFAULT
        assert weights.url == WEIGHTS_ADDRESS + file
        assert megabytes == pytest.approx(weights.meta["_file_size"] * 2**20 / 1e6, abs=0.1)
    assert weights_folder() == Path(hub.get_dir()) / "checkpoints"


@pytest.mark.parametrize("name", sorted(set(ENCODER_NAMES) - set(ENCODER_WEIGHTS)))
def test_other_encoders_need_no_weights_or_a_file(name):
    if name in WITHOUT_WEIGHTS:
        assert ENCODERS[name](None).weights == ""
        return
    with pytest.raises(ConfigurationError, match="name its weights file"):
        ENCODERS[name](None)
