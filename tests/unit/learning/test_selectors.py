import pytest
from relabel.errors import ConfigurationError
from relabel.learning.selectors import SELECTORS, check_options, options_of, select


def test_an_unknown_selector_is_answered_with_the_known_ones(noisy_digits):
    with pytest.raises(ConfigurationError, match=r"'liner'.*linear"):
        select("liner", noisy_digits(0, size=50).data, {}, seed=0)


def test_an_unknown_option_is_answered_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"'fold'.*folds"):
        check_options("linear", {"fold": 3})


@pytest.mark.parametrize("value", ["five", 2.5, True, None])
def test_an_option_of_another_type_is_refused(value):
    with pytest.raises(ConfigurationError, match="'folds'"):
        check_options("linear", {"folds": value})


@pytest.mark.parametrize("name", SELECTORS)
def test_every_option_has_a_default(name):
    assert all(option.default is not option.empty for option in options_of(name).values())


def test_the_record_names_the_selector_and_its_seconds(noisy_digits):
    record = select("linear", noisy_digits(0, size=100).data, {}, seed=0).record
    assert record["selector"] == "linear"
    assert record["seconds"] > 0
