import logging

import pytest
from relabel.cli.logs import RedactSecrets


def logged(message, *arguments):
    record = logging.LogRecord("relabel", logging.INFO, "", 1, message, arguments, None)
    assert RedactSecrets(["the-token", "pw", ""]).filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    "line",
    [
        "sending the-token",
        "{'Authorization': 'Token abcdef0123'}",
        "Authorization: Bearer abcdef0123",
        "authorization=Basic abcdef0123",
        "postgresql://user:abcdef0123@host/db",
    ],
)
def test_secrets_do_not_reach_the_log(line):
    assert "the-token" not in logged(line)
    assert "abcdef0123" not in logged(line)
    assert "***" in logged("%s", line)


def test_everything_else_is_logged_as_it_is():
    line = "project 3: 100 % of 'a:b@c' at http://host:9090/x"
    assert logged(line) == line
    assert logged("%s of %d", "a", 3) == "a of 3"
