import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.errors import ConfigurationError
from relabel.policy import PRESETS, Policy, build_policy, parse_extra_params, read_policy_file


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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window", 0),
        ("window", "many"),
        ("max_votes", 1),
        ("retrain_after", -1),
        ("budget", 0),
        ("seed", -1),
        ("tie_rule", "coin"),
        ("preset", "fast"),
        ("overwritten", "nobody"),
        ("queue", "list"),
        ("audit_share", 0.7),
        ("stop_yield", 1),
        ("initial", "elsewhere"),
        ("selector_options", "none"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(key, value):
    with pytest.raises(ConfigurationError, match=f"Policy key {key} = {value!r}: "):
        build_policy({key: value})


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


def test_a_missing_policy_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"RELABEL_POLICY_FILE = .*No such file"):
        read_policy_file(tmp_path / "none.toml")
