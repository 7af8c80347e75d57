import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.errors import ConfigurationError
from relabel.policy import (
    PRESETS,
    Policy,
    build_policy,
    parse_extra_params,
    read_policy_file,
)
from relabel.service.connected import policy_of
from relabel.settings import Settings


@pytest.mark.parametrize("text", [None, "", "  \n ", {}])
def test_empty_extra_params_are_no_keys(text):
    assert parse_extra_params(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        'window = 20\nscore = "ce"',
        '{"window": 20, "score": "ce"}',
        '\n  {"window": 20, "score": "ce"}\n',
        {"window": 20, "score": "ce"},
    ],
    ids=["toml", "json", "json in white space", "object"],
)
def test_extra_params_are_read_as_toml_and_as_json(text):
    assert parse_extra_params(text) == {"window": 20, "score": "ce"}


@pytest.mark.parametrize("text", ["window: 20", '{"window": 20', "[1, 2]", "= 3"])
def test_unreadable_extra_params_say_how_to_write_them(text):
    with pytest.raises(ConfigurationError, match=r"Extra params: not readable .*window = 50"):
        parse_extra_params(text)


@pytest.mark.parametrize("value", [7, ["window"], True])
def test_extra_params_of_another_type_are_shown(value):
    with pytest.raises(ConfigurationError, match=r"Extra params: expected key = value lines"):
        parse_extra_params(value)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    """Whatever people write into the field, there is a message and no crash."""
    with contextlib.suppress(ConfigurationError):
        assert isinstance(parse_extra_params(text), dict)


def test_an_unknown_key_is_shown_with_the_known_ones():
    with pytest.raises(
        ConfigurationError, match=r"Unknown policy key windw = 3\. Known keys: "
    ) as e:
        build_policy({"windw": 3})
    for key in Policy.model_fields:
        assert key in str(e.value)


WRONG = [
    ("choices", 3, "valid string"),
    ("image", ["a"], "valid string"),
    ("classes", "dog", "valid dictionary"),
    ("preset", "fast", "'', 'quick', 'careful' or 'medical'"),
    ("initial", "elsewhere", "annotations|predictions:.+|data:.+"),
    ("initial", "data:", "annotations|predictions:.+|data:.+"),
    ("cannot_tell", False, "valid string"),
    ("encoder", "resnet", "choose one of cifar_resnet20, convnext_tiny, dinov2_vits14"),
    ("encoder", 18, "valid string"),
    ("encoder_weights", 5, "not a valid path"),
    ("image_size", -1, "greater than or equal to 0"),
    ("image_size", 1024, "less than or equal to 512"),
    ("selector", "liner", "choose one of auto, co_teaching"),
    ("selector_options", "none", "valid dictionary"),
    ("warm_start", "tepid", "valid boolean"),
    ("score", "loss", "choose one of "),
    ("diversity", "much", "choose one of diffusion, k_centre, none, quotas"),
    ("diversity_options", [1], "valid dictionary"),
    ("consensus", "experts", "'majority' or 'posterior'"),
    ("confidence", 0.5, "greater than 0.5"),
    ("tie_rule", "coin", "'lowest' or 'current'"),
    ("max_votes", 1, "greater than or equal to 2"),
    ("max_votes", 101, "less than or equal to 100"),
    ("max_votes", 2.5, "valid integer"),
    ("solo", "often", "valid boolean"),
    ("overwritten", "nobody", "'editor', 'author' or 'ignore'"),
    ("queue", "list", "'window' or 'view'"),
    ("audit_share", 0.7, "less than or equal to 0.5"),
    ("audit_share", -0.1, "greater than or equal to 0"),
    ("stop_when", "never", "valid dictionary"),
    ("stop_when", 0.05, "valid dictionary"),
    ("budget", 0, "greater than or equal to 1"),
    ("budget", "much", "valid integer"),
    ("split", 3, "valid string"),
    ("evaluation", [], "at least 1 item"),
    ("evaluation", "test", "valid tuple"),
    ("evaluation_budget", 0, "greater than or equal to 1"),
    ("window", 0, "greater than or equal to 1"),
    ("window", 5001, "less than or equal to 5000"),
    ("window", "many", "valid integer"),
    ("retrain_after", -1, "greater than or equal to 1"),
    ("seed", -1, "greater than or equal to 0"),
]


def test_every_key_has_a_wrong_value_whose_message_is_tested():
    assert {key for key, _, _ in WRONG} == set(Policy.model_fields)


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG)
def test_a_wrong_value_among_the_extra_params_is_told_with_what_is_allowed(key, value, allowed):
    for text in (json.dumps({key: value}), {key: value}):
        with pytest.raises(ConfigurationError) as error:
            policy_of(Settings(), text)
        assert str(error.value).startswith(f"Policy key {key} = {value!r}: ")
        assert allowed in str(error.value)


@pytest.mark.parametrize(("key", "value", "allowed"), [*WRONG, ("windw", 3, "Known keys: ")])
def test_a_wrong_value_in_the_policy_file_is_told_with_the_file(tmp_path, key, value, allowed):
    file = tmp_path / "policy.toml"
    file.write_text(f"{key} = {json.dumps(value)}\n")  # these values are written alike in TOML
    with pytest.raises(ConfigurationError) as error:
        policy_of(Settings(policy_file=file), "")
    assert str(error.value).startswith(f"RELABEL_POLICY_FILE = {file}: ")
    assert f"olicy key {key} = {value!r}" in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stop_when = { yield = 1 }", "stop_when.yield = 1: Input should be less than 1."),
        ('{"stop_when": {"yield": 0}}', "stop_when.yield = 0: Input should be greater than 0."),
        ('stop_when.yield = "few"', "stop_when.yield = 'few': Input should be a valid number"),
        ("stop_when = { found = 90 }", "stop_when.found = 90: Input should be less than 1."),
        ("stop_when = { left = 0.1 }", "{'left': 0.1}: it knows found, yield and budget: "),
        ("stop_when = { budget = 0.5 }", "budget = 0.5: Input should be a valid integer"),
        ("stop_when = { budget = 5 }\nbudget = 6", "budget = 6: stop_when gives one beside it; "),
    ],
)
def test_a_reason_to_stop_that_there_is_not_is_told_with_what_to_write(text, why):
    with pytest.raises(ConfigurationError) as error:
        policy_of(Settings(), text)
    assert why in str(error.value)


def test_the_key_of_an_earlier_version_is_read_and_told_with_what_to_write(tmp_path, caplog):
    """Of file and extra params the later one wins, whichever name each uses."""
    file = tmp_path / "policy.toml"
    file.write_text("stop_yield = 0.05\n")
    settings = Settings(policy_file=file)
    assert policy_of(settings, "").stop_when == {"yield": 0.05}
    (told,) = caplog.messages
    assert told.startswith("Policy key stop_yield = 0.05 is called stop_when now: ")
    assert told.endswith("write stop_when = { yield = 0.05 } instead.")
    assert policy_of(settings, "stop_when.yield = 0.1").stop_when == {"yield": 0.1}
    assert policy_of(settings, "stop_when = {}").stop_when == {}
    all_three = policy_of(settings, "stop_when = { found = 0.9, yield = 0.1, budget = 500 }")
    assert (all_three.stop_when, all_three.budget) == ({"found": 0.9, "yield": 0.1}, 500)
    assert policy_of(settings, "stop_yield = 0.0").stop_when == {}
    assert caplog.messages[-1].endswith("take it out.")
    with pytest.raises(ConfigurationError, match=r"stop_when stands beside it .* take stop_yield"):
        policy_of(Settings(), "stop_yield = 0.1\nstop_when = { yield = 0.1 }")


def test_later_layers_win():
    policy = build_policy({"window": 5, "seed": 1}, {"window": 7})
    assert (policy.window, policy.seed) == (7, 1)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_its_keys_and_what_is_written_wins(name):
    policy = build_policy({"preset": name})
    for key, value in PRESETS[name].items():
        assert getattr(policy, key) == value
    assert build_policy({"max_votes": 4}, {"preset": name}).max_votes == 4


def test_the_digest_follows_every_key():
    digests = {
        Policy().digest(),
        Policy(window=51).digest(),
        Policy(seed=1).digest(),
        Policy(selector_options={"folds": 3}).digest(),
    }
    assert len(digests) == 4
    assert Policy(window=51).digest() == Policy(window=51).digest()
    assert all(len(digest) == 8 for digest in digests)


def test_a_policy_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Policy().window = 3


def test_the_policy_file_is_toml(tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text('score = "phi"\n[selector_options]\nfolds = 3\n')
    assert read_policy_file(file) == {"score": "phi", "selector_options": {"folds": 3}}
    assert read_policy_file(None) == {}


@pytest.mark.parametrize("content", [b"score = ", b"\xff\xfe\x00"], ids=["half", "not text"])
def test_an_unreadable_policy_file_is_named(tmp_path, content):
    file = tmp_path / "policy.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"RELABEL_POLICY_FILE = .*policy\.toml"):
        read_policy_file(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            "selector = linear",
            """line 1, column 12): 'selector = linear'; text stands in "quotes".""",
        ),
        ("window = 3\nwindow = 4", "Cannot overwrite a value"),
        ("a = " + "[" * 5_000, "it is nested too deeply"),
        ("window = " + "9" * 5_000, "a number is too long"),
        ("choices = 'b\xe4ll'".encode("latin-1"), "line 1: byte 0xe4 at offset 12 is not UTF-8"),
        (b"window = 3\0", "NUL"),
    ],
    ids=["quotes", "twice", "deep", "long", "latin-1", "nul"],
)
def test_a_damaged_policy_file_is_told_in_one_line_with_its_place(tmp_path, content, why):
    file = tmp_path / "policy.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as error:
        policy_of(Settings(policy_file=file), "")
    assert str(error.value).startswith(f"RELABEL_POLICY_FILE = {file}")
    assert why in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_policy_file_of_another_editor_is_read(tmp_path, encoding):
    (tmp_path / "policy.toml").write_text("window = 3", encoding=encoding)
    assert read_policy_file(tmp_path / "policy.toml") == {"window": 3}
    assert parse_extra_params("\ufeffwindow = 3") == {"window": 3}


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5_000, '{"a": ' + "[" * 100_000, '{"window": ' + "9" * 5_000 + "}"]
)
def test_extra_params_that_no_reader_takes_are_refused_in_one_line(text):
    with pytest.raises(ConfigurationError, match=r"^Extra params: not readable \((it is|a number)"):
        parse_extra_params(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("windw = 3", "Did you mean 'window'?"),
        ('selector = "liner"', "Did you mean 'linear'?"),
        ("selector_options = {fold = 3}", "Did you mean 'folds'?"),
    ],
)
def test_the_nearest_name_is_told_of_a_misspelt_one(text, why):
    with pytest.raises(ConfigurationError) as error:
        policy_of(Settings(), text)
    assert str(error.value).endswith(why)


def test_a_key_is_told_in_one_line_and_a_long_value_is_cut():
    with pytest.raises(ConfigurationError) as error:
        build_policy({"a\nb": "x" * 10_000})
    assert r"Unknown policy key a\nb = 'xxx" in str(error.value)
    assert len(str(error.value)) < 1_000


def test_a_missing_policy_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"RELABEL_POLICY_FILE = .*No such file"):
        read_policy_file(tmp_path / "none.toml")
