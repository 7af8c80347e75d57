import io
import logging

import pytest
from relabel.cli.logs import RedactSecrets, configure_logging
from relabel.settings import Settings

SECRETS = ["the-token", "the-token-and-more", "pw", ""]


def logged(message, *arguments, error=None):
    record = logging.LogRecord("relabel", logging.INFO, "", 1, message, arguments, error)
    return RedactSecrets(SECRETS).format(record).split("relabel: ", 1)[1]


@pytest.mark.parametrize(
    "line",
    [
        "sending the-token",
        "sending the-token-and-more",
        "{'Authorization': 'Token abcdef0123'}",
        "Authorization: Bearer abcdef0123",
        "authorization=Basic abcdef0123",
        "{'X-Relabel-Token': 'abcdef0123'}",
        "x-relabel-token: abcdef0123",
        "postgresql://user:abcdef0123@host/db",
        "redis://:abcdef0123@host/0",
    ],
)
def test_secrets_do_not_reach_the_log(line):
    for text in (logged(line), logged("%s", line)):
        assert "the-token" not in text
        assert "abcdef0123" not in text
        assert "and-more" not in text
        assert "***" in text


def test_secrets_do_not_reach_the_log_within_a_traceback():
    def fail():
        raise RuntimeError("could not use the-token at redis://:abcdef0123@host")

    try:
        fail()
    except RuntimeError as error:
        text = logged("failed", error=(type(error), error, error.__traceback__))
    assert "Traceback" in text
    assert "RuntimeError: could not use *** at redis://:***@host" in text


def test_everything_else_is_logged_as_it_is():
    line = "project 3: 100 % of 'a:b@c' at http://host:9090/x"
    assert logged(line) == line
    assert logged("%s of %d", "a", 3) == "a of 3"


@pytest.fixture
def root_logger():
    root, own = logging.getLogger(), logging.getLogger("relabel")
    before = root.handlers[:], root.level, own.level
    yield root
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)


@pytest.mark.parametrize("source", ["variable", "file"])
def test_the_token_is_known_wherever_it_comes_from(tmp_path, root_logger, source):
    file = tmp_path / "key"
    file.write_text("token-of-somebody\n")
    file.chmod(0o600)
    key = {"label_studio_api_key": "token-of-somebody"}
    configure_logging(
        Settings(**(key if source == "variable" else {"label_studio_api_key_file": file}))
    )
    (handler,) = root_logger.handlers
    handler.stream = io.StringIO()
    logging.getLogger("relabel.test").warning("sent token-of-somebody")
    assert "sent ***" in handler.stream.getvalue()


def test_a_password_in_a_file_is_known_too(tmp_path, root_logger):
    file = tmp_path / "password"
    file.write_text("password-of-somebody\n")
    file.chmod(0o600)
    configure_logging(Settings(basic_auth_user="u", basic_auth_pass_file=file))
    (handler,) = root_logger.handlers
    handler.stream = io.StringIO()
    logging.getLogger("relabel.test").warning("sent password-of-somebody")
    assert "sent ***" in handler.stream.getvalue()


def test_a_token_file_that_cannot_be_read_does_not_stop_the_log(tmp_path, root_logger):
    configure_logging(Settings(label_studio_api_key_file=tmp_path / "nowhere"))
    assert len(root_logger.handlers) == 1
