"""What a policy may choose from, told without importing torch."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from relabel.catalogue import built_in
from relabel.catalogue.built_in import ENCODERS as ENCODER_NAMES
from relabel.catalogue.built_in import FETCHED, SELECTORS, UNWEIGHTED
from relabel.catalogue.options import check_options, is_composed, options_of
from relabel.catalogue.signatures import Option, read_entry
from relabel.errors import ConfigurationError
from relabel.learning.encoders.registry import ENCODERS
from relabel.service.context import policy_of
from relabel.settings import Settings
from relabel.simulation.campaign.rankings import Method


def test_the_table_says_what_the_functions_say():
    path = Path(__file__).parents[3] / "docs" / "make_catalogue.py"
    script = importlib.util.spec_from_file_location("make_catalogue", path)
    made = importlib.util.module_from_spec(script)
    script.loader.exec_module(made)
    here = ast.parse(Path(built_in.__file__).read_text())
    assert ast.dump(here) == ast.dump(ast.parse(made.module())), "run make docs-outputs"


def described(data, *, often: int = 3, names: tuple[str, ...] | None = ("a",), rng=None, **_run):
    """Say something.

    More.
    """


def test_options_are_read_off_a_function():
    entry = read_entry(described, given=("rng",))
    assert entry.what == "Say something."
    assert entry.options == {
        "often": Option(int, 3),
        "names": Option(tuple[str, ...] | None, ("a",)),
    }


def test_an_option_without_a_type_is_refused():
    with pytest.raises(ConfigurationError, match="option 'rng' has no type"):
        read_entry(described)


@pytest.mark.parametrize("name", SELECTORS)
def test_options_are_named_without_what_every_run_has(name):
    assert not {"seed", "device", "checkpoint", "data"} & set(options_of("selector", name))


def test_options_shared_by_all_networks_are_options_of_each():
    assert {"forget_rate", "epochs", "network"} <= set(options_of("selector", "co_teaching"))


@pytest.mark.parametrize("value", ["five", 2.5, True, None])
def test_an_option_of_another_type_is_refused(value):
    with pytest.raises(ConfigurationError, match=f"'folds' of selector 'linear' is {value!r}"):
        check_options("Selector", "linear", {"folds": value}, options_of("selector", "linear"))


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


@pytest.mark.parametrize("name", [n for n in SELECTORS if is_composed(n)])
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


def test_torch_keeps_weights_where_the_doctor_looks():
    from relabel.settings import weights_folder
    from torch import hub

    assert weights_folder() == Path(hub.get_dir()) / "checkpoints"


@pytest.mark.parametrize("name", sorted(set(ENCODER_NAMES) - set(FETCHED)))
def test_other_encoders_need_no_weights_or_a_file(name):
    if name in UNWEIGHTED:
        assert ENCODERS[name](None).weights == ""
        return
    with pytest.raises(ConfigurationError, match="name its weights file"):
        ENCODERS[name](None)
