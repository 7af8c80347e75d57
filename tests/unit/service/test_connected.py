"""A policy is checked once a process, and whatever changes of it counts at once."""

import os

import pytest
from relabel.errors import ConfigurationError
from relabel.service.connected import policy_of
from wiring import make_settings


@pytest.fixture
def deployed(tmp_path):
    """Settings with a policy file, and what writes that in place, unseen by its size and time."""
    settings = make_settings(tmp_path)
    before = settings.policy_file.stat()

    def write(text):
        settings.policy_file.write_text(text)
        os.utime(settings.policy_file, ns=(before.st_atime_ns, before.st_mtime_ns))

    write("window = 11\n")
    return settings, write


def test_a_policy_is_checked_once_a_process_while_nothing_of_it_changes(deployed):
    settings, _ = deployed
    assert policy_of(settings, "seed = 3") is policy_of(settings, "seed = 3")


def test_a_changed_policy_counts_at_once(deployed):
    settings, write = deployed
    assert policy_of(settings, "").window == 11
    write("window = 12\n")
    assert policy_of(settings, "").window == 12
    assert policy_of(settings, "window = 13").window == 13
    write("window = 11\n")
    assert policy_of(settings, "").window == 11
    assert policy_of(settings.model_copy(update={"policy_file": None}), "").window == 50


@pytest.mark.parametrize(
    ("file", "params", "told"),
    [
        ("window = 0\n", "", "RELABEL_POLICY_FILE = .*: Policy key window = 0"),
        ("window = \n", "", "RELABEL_POLICY_FILE = .*: .*line 1.*: 'window ='"),
        ("", "window = 0", "^Policy key window = 0"),
        ("", 'score = "none"', "^Policy key score = 'none': choose one of"),
        ("", 5, "^Extra params: expected key = value lines"),
    ],
)
def test_a_wrong_policy_is_refused_each_time_with_the_same_words(deployed, file, params, told):
    settings, write = deployed
    write(file)
    words = set()
    for _ in range(3):
        with pytest.raises(ConfigurationError, match=told) as error:
            policy_of(settings, params)
        words.add(str(error.value))
    assert len(words) == 1
