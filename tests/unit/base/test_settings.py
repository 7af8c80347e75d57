import json
import os

import certifi
import pytest
from pydantic import SecretStr
from relabel import secret_values
from relabel.errors import ConfigurationError
from relabel.settings import SECRETS, Settings, misspelt_variables


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """Only the variables of a test are set."""
    names = set(os.environ)
    for name in names:
        if (
            name.startswith(("RELABEL_", "LABEL_STUDIO_", "BASIC_AUTH_"))
            or name in ALIASES.values()
        ):
            monkeypatch.delenv(name)


VALUES = {
    "label_studio_url": "https://ls.example.org/studio",
    "label_studio_aliases": '["https://studio.example.org/ls", "http://10.0.0.1:8080"]',
    "ca_bundle": certifi.where(),
    "label_studio_api_key": "k" * 40,
    "label_studio_api_key_file": "/run/secrets/key",
    "url": "http://me:9090",
    "host": "0.0.0.0",
    "port": "9191",
    "basic_auth_user": "anna",
    "basic_auth_pass": "secret",
    "basic_auth_pass_file": "/run/secrets/password",
    "data_dir": "/data",
    "database_url": "postgresql+psycopg://u@h/d",
    "database_url_file": "/run/secrets/database",
    "policy_file": "/etc/policy.toml",
    "device": "cuda",
    "log_level": "DEBUG",
    "sweep_seconds": "5.5",
    "request_timeout_seconds": "7",
    "max_request_bytes": "1000",
    "max_image_bytes": "2000",
    "max_image_pixels": "3000",
    "image_timeout_seconds": "4",
    "image_hosts": '["a.org", "b.org"]',
    "local_files_root": "/files",
    "show_annotators": "true",
}
ALIASES = {
    "label_studio_url": "LABEL_STUDIO_HOST",
    "label_studio_api_key": "LABEL_STUDIO_API_KEY",
    "label_studio_api_key_file": "LABEL_STUDIO_API_KEY_FILE",
    "port": "PORT",
    "basic_auth_user": "BASIC_AUTH_USER",
    "basic_auth_pass": "BASIC_AUTH_PASS",
    "basic_auth_pass_file": "BASIC_AUTH_PASS_FILE",
    "log_level": "LOG_LEVEL",
    "local_files_root": "LOCAL_FILES_DOCUMENT_ROOT",
}
PAIRED = {
    "basic_auth_user": "basic_auth_pass",
    "basic_auth_pass": "basic_auth_user",
    "basic_auth_pass_file": "basic_auth_user",
}


def read(monkeypatch, field, name):
    monkeypatch.setenv(name, VALUES[field])
    if field in PAIRED:
        monkeypatch.setenv(f"RELABEL_{PAIRED[field]}".upper(), VALUES[PAIRED[field]])
    value = getattr(Settings.from_env(), field)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def test_every_setting_is_tested():
    assert set(VALUES) >= set(Settings.model_fields)


@pytest.mark.parametrize("field", VALUES)
def test_every_setting_is_read_from_its_own_variable(monkeypatch, field):
    if field not in Settings.model_fields:
        pytest.skip(f"{field} is no setting any more")
    value = read(monkeypatch, field, f"RELABEL_{field}".upper())
    if isinstance(value, tuple):
        assert list(value) == json.loads(VALUES[field])
    else:
        assert str(value) == str(type(value)(VALUES[field]))


@pytest.mark.parametrize("field", ALIASES)
def test_names_known_from_label_studio_work_too(monkeypatch, field):
    assert str(read(monkeypatch, field, ALIASES[field])) == VALUES[field]


def test_our_own_name_wins_over_the_known_one(monkeypatch):
    monkeypatch.setenv("PORT", "1000")
    monkeypatch.setenv("RELABEL_PORT", "2000")
    assert Settings.from_env().port == 2000


WEB = "begin it with http:// or https://"
WRONG = [
    ("LABEL_STUDIO_URL", "ls.example.org:8080", WEB),
    ("LABEL_STUDIO_HOST", "ftp://ls.example.org", WEB),
    ("RELABEL_LABEL_STUDIO_URL", "", "at least 1 character"),
    ("RELABEL_URL", "backend:9090", WEB),
    ("RELABEL_PORT", "70000", "less than or equal to 65535"),
    ("RELABEL_PORT", "0", "greater than or equal to 1"),
    ("PORT", "many", "valid integer"),
    ("LOG_LEVEL", "loud", "debug|info|warning|error"),
    ("RELABEL_DEVICE", "gpu", "(auto|cpu|cuda"),
    ("RELABEL_SWEEP_SECONDS", "0", "greater than 0"),
    ("RELABEL_SWEEP_SECONDS", "often", "valid number"),
    ("RELABEL_REQUEST_TIMEOUT_SECONDS", "soon", "valid number"),
    ("RELABEL_REQUEST_TIMEOUT_SECONDS", "-3", "greater than 0"),
    ("RELABEL_IMAGE_TIMEOUT_SECONDS", "0", "greater than 0"),
    ("RELABEL_MAX_REQUEST_BYTES", "0", "greater than 0"),
    ("RELABEL_MAX_REQUEST_BYTES", "64MB", "valid integer"),
    ("RELABEL_MAX_IMAGE_BYTES", "-1", "greater than 0"),
    ("RELABEL_MAX_IMAGE_PIXELS", "0", "greater than 0"),
    ("RELABEL_SHOW_ANNOTATORS", "perhaps", "valid boolean"),
    ("RELABEL_IMAGE_HOSTS", "3", "valid tuple"),
    ("RELABEL_IMAGE_HOSTS", "a.org", """lists are JSON, as in '["a.org"]'"""),
    ("RELABEL_LABEL_STUDIO_ALIASES", "a.org", """lists are JSON, as in '["a.org"]'"""),
    ("RELABEL_CA_BUNDLE", "/nowhere/ca.pem", "No such file or directory"),
    ("RELABEL_CA_BUNDLE", "/", "Is a directory"),
    ("RELABEL_CA_BUNDLE", __file__, "no certificate in PEM form (-----BEGIN CERTIFICATE-----)"),
    ("LABEL_STUDIO_URL", "http://", "name a host"),
    ("LABEL_STUDIO_URL", "http://[::1", "no address of the web"),
    ("RELABEL_URL", "http://h:99999", "a port up to 65535"),
]
TOLD_WHEN_USED = {
    "label_studio_api_key": "test_a_missing_token_says_where_to_get_one; a wrong one is refused",
    "label_studio_api_key_file": "test_a_missing_token_file_is_named, and others below",
    "host": "told by the system when listening",
    "basic_auth_user": "test_a_user_without_password_is_refused_without_showing_secrets",
    "basic_auth_pass": "test_a_user_without_password_is_refused_without_showing_secrets",
    "basic_auth_pass_file": "test_a_secret_in_a_file_that_cannot_be_used_is_told",
    "database_url_file": "test_a_secret_in_a_file_that_cannot_be_used_is_told",
    "data_dir": "tests/contract/test_storage.py: a store that cannot be opened",
    "database_url": "tests/contract/test_storage.py: a store that cannot be opened",
    "policy_file": "tests/unit/base/test_policy.py: an unreadable policy file",
    "local_files_root": "tests/unit/media/image/test_fetch.py: files that cannot be used",
}
"""Settings of which any text may be right; where the message is tested."""


def test_every_setting_has_a_wrong_value_whose_message_is_tested():
    told = {name.removeprefix("RELABEL_").lower() for name, _, _ in WRONG}
    assert told | set(TOLD_WHEN_USED) >= set(Settings.model_fields)


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_told_with_its_variable_and_what_is_allowed(
    monkeypatch, name, value, allowed
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as error:
        Settings.from_env()
    message = str(error.value)
    assert message.startswith(f"Settings: {name} = ")
    assert value in message
    assert allowed in message


def test_a_wrong_address_in_a_list_is_told_alone(monkeypatch):
    monkeypatch.setenv("RELABEL_LABEL_STUDIO_ALIASES", '["http://a.org", "b.org"]')
    with pytest.raises(ConfigurationError, match=r"LABEL_STUDIO_ALIASES = 'b\.org': begin it with"):
        Settings.from_env()


def test_the_password_of_a_wrong_address_is_not_told(monkeypatch):
    monkeypatch.setenv("RELABEL_URL", "ftp://:the-password@h/0")
    with pytest.raises(ConfigurationError, match=r"'ftp://:\*\*\*@h/0'") as error:
        Settings.from_env()
    assert "the-password" not in str(error.value)


def test_several_wrong_values_are_told_at_once(monkeypatch):
    monkeypatch.setenv("RELABEL_PORT", "0")
    monkeypatch.setenv("RELABEL_DEVICE", "gpu")
    with pytest.raises(ConfigurationError, match=r"RELABEL_PORT = '0'.*; RELABEL_DEVICE = 'gpu'"):
        Settings.from_env()


def test_a_user_without_password_is_refused_without_showing_secrets(monkeypatch):
    monkeypatch.setenv("BASIC_AUTH_PASS", "the-password")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "the-token")
    with pytest.raises(ConfigurationError, match="both BASIC_AUTH_USER and BASIC_AUTH_PASS") as e:
        Settings.from_env()
    assert "the-password" not in str(e.value)
    assert "the-token" not in str(e.value)


def test_secrets_do_not_show_in_the_settings_text():
    settings = Settings(
        label_studio_api_key="the-token", basic_auth_user="u", basic_auth_pass="pw1"
    )
    assert "the-token" not in repr(settings)
    assert "pw1" not in repr(settings)


def test_a_missing_token_says_where_to_get_one():
    with pytest.raises(ConfigurationError, match="LABEL_STUDIO_API_KEY is empty: copy a token"):
        Settings().api_key()


def test_the_token_may_stand_in_a_file_of_its_owner(tmp_path):
    file = tmp_path / "key"
    file.write_text("the-token\n")
    file.chmod(0o600)
    settings = Settings(label_studio_api_key_file=file)
    assert settings.api_key() == "the-token"


IN_FILES = {
    "label_studio_api_key": ("the-token", Settings.api_key),
    "basic_auth_pass": ("the-password", lambda settings: settings.basic_auth()[1]),
    "database_url": ("postgresql+psycopg://u:the-password@h/d", Settings.database),
}


def in_a_file(name, path, text, mode=0o600):
    """Return the values of a setting that stands in a file, with what goes with it."""
    path.write_text(f"{text}\n")
    path.chmod(mode)
    values = {f"{name}_file": path}
    return values | ({"basic_auth_user": "u"} if name == "basic_auth_pass" else {})


def test_every_secret_may_stand_in_a_file():
    """What is shown as a secret, or holds a password, is one."""
    secret = {n for n, f in Settings.model_fields.items() if f.annotation is SecretStr}
    assert secret | {"database_url"} == set(IN_FILES) == set(SECRETS)


@pytest.mark.parametrize("name", IN_FILES)
def test_a_secret_is_read_from_its_file(tmp_path, name):
    secret, use = IN_FILES[name]
    settings = Settings(**in_a_file(name, tmp_path / "secret", secret))
    assert use(settings) == secret
    assert secret not in repr(settings)


@pytest.mark.parametrize("name", IN_FILES)
def test_a_secret_with_two_sources_is_refused_with_both_names(monkeypatch, tmp_path, name):
    secret, _ = IN_FILES[name]
    for key, value in in_a_file(name, tmp_path / "secret", secret).items():
        monkeypatch.setenv(f"RELABEL_{key.upper()}", str(value))
    monkeypatch.setenv(f"RELABEL_{name.upper()}", secret)
    both = f"RELABEL_{name.upper()} and RELABEL_{name.upper()}_FILE are both set: take one"
    with pytest.raises(ConfigurationError, match=both) as error:
        Settings.from_env()
    assert secret not in str(error.value)


def test_two_sources_are_told_by_the_names_that_are_set(monkeypatch, tmp_path):
    monkeypatch.setenv("BASIC_AUTH_USER", "u")
    monkeypatch.setenv("BASIC_AUTH_PASS", "p")
    monkeypatch.setenv("BASIC_AUTH_PASS_FILE", str(tmp_path))
    both = "Settings: BASIC_AUTH_PASS and BASIC_AUTH_PASS_FILE are both set"
    with pytest.raises(ConfigurationError, match=both):
        Settings.from_env()


@pytest.mark.parametrize("name", IN_FILES)
def test_a_secret_in_a_file_that_cannot_be_used_is_told(tmp_path, name):
    secret, use = IN_FILES[name]
    values = in_a_file(name, tmp_path / "secret", secret, mode=0o644)
    variable = f"RELABEL_{name.upper()}_FILE"
    with pytest.raises(ConfigurationError, match=f"{variable} = .* can be read by others"):
        use(Settings(**values))
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigurationError, match=f"{variable} = .*: No such file"):
        use(Settings(**values))


def test_an_empty_password_file_is_no_password(tmp_path):
    settings = Settings(**in_a_file("basic_auth_pass", tmp_path / "secret", ""))
    with pytest.raises(ConfigurationError, match=r"BASIC_AUTH_PASS_FILE = .*the file is empty"):
        settings.basic_auth()


@pytest.mark.parametrize("name", ["RELABEL_QUEUE_URL", "RELABEL_QUEUE_URL_FILE"])
def test_the_address_of_a_queue_is_refused_with_what_replaces_it(monkeypatch, name):
    monkeypatch.setenv(name, "redis://:the-password@h/0")
    with pytest.raises(ConfigurationError, match=f"{name} is no setting any more.*") as error:
        Settings.from_env()
    assert "several machines need RELABEL_DATABASE_URL alone" in str(error.value)
    assert "the-password" not in str(error.value)


def test_secrets_that_a_container_engine_mounted_may_be_readable(tmp_path, monkeypatch):
    """They are readable for all within the container, and nobody else is in it."""
    monkeypatch.setattr(secret_values, "MOUNTED", tmp_path / "secrets")
    (tmp_path / "secrets").mkdir()
    path = tmp_path / "secrets" / "token"
    assert Settings(**in_a_file("label_studio_api_key", path, "t", 0o444)).api_key() == "t"
    outside = tmp_path / "secrets" / ".." / "token"
    with pytest.raises(ConfigurationError, match="read by others"):
        Settings(**in_a_file("label_studio_api_key", outside, "t", 0o444)).api_key()


OF_EXAMPLES = [
    ("LABEL_STUDIO_API_KEY", "change-me-to-forty-random-characters"),
    ("BASIC_AUTH_PASS", "change-me"),
    ("RELABEL_DATABASE_URL", "postgresql+psycopg://relabel:changeme@relabel-db/relabel"),
]


@pytest.mark.parametrize(("variable", "value"), OF_EXAMPLES)
def test_the_passwords_of_the_examples_are_refused(monkeypatch, tmp_path, variable, value):
    monkeypatch.setenv("BASIC_AUTH_USER", "label-studio")
    monkeypatch.setenv("BASIC_AUTH_PASS", "one of our own")
    monkeypatch.setenv(variable, value)
    words = f"^Settings: {variable} still holds the password of an example.*openssl rand"
    with pytest.raises(ConfigurationError, match=words):
        Settings.from_env()
    monkeypatch.delenv(variable)
    name = variable.removeprefix("RELABEL_").lower()
    settings = Settings(**in_a_file(name, tmp_path / "secret", value))
    with pytest.raises(ConfigurationError, match="_FILE still holds the password of an example"):
        IN_FILES[name][1](settings)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_token_file_that_others_can_read_is_refused(tmp_path, mode):
    file = tmp_path / "key"
    file.write_text("the-token")
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match="can be read by others: run chmod 600") as error:
        Settings(label_studio_api_key_file=file).api_key()
    assert "the-token" not in str(error.value)


def test_a_missing_token_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"_API_KEY_FILE = .*nowhere: No such file"):
        Settings(label_studio_api_key_file=tmp_path / "nowhere").api_key()


def test_an_empty_token_file_is_no_token(tmp_path):
    file = tmp_path / "key"
    file.touch(0o600)
    with pytest.raises(ConfigurationError, match="is empty"):
        Settings(label_studio_api_key_file=file).api_key()


def test_addresses_have_sensible_defaults(tmp_path):
    settings = Settings(port=9191, data_dir=tmp_path)
    assert settings.public_url() == "http://localhost:9191"
    assert settings.database() == f"sqlite:///{tmp_path}/relabel.sqlite3"
    assert settings.basic_auth() is None


def test_given_addresses_win():
    settings = Settings(url="http://backend:9090/", database_url="postgresql+psycopg://h/d")
    assert settings.public_url() == "http://backend:9090"
    assert settings.database() == "postgresql+psycopg://h/d"


def test_a_variable_that_is_nearly_a_setting_is_told_without_its_value(monkeypatch):
    for name in ("RELABEL_PROT", "RELABEL_IMAGE_HOST", "RELABEL_DB_PASSWORD", "RELABEL_PORT"):
        monkeypatch.setenv(name, "1")
    assert misspelt_variables() == [
        "RELABEL_IMAGE_HOST is no setting and does nothing; did you mean RELABEL_IMAGE_HOSTS?",
        "RELABEL_PROT is no setting and does nothing; did you mean RELABEL_PORT?",
    ]


@pytest.mark.parametrize(
    ("content", "why"), [("schl\xfcssel".encode("latin-1"), "byte 0xfc"), (None, "is a folder")]
)
def test_a_token_file_that_is_no_text_is_named_without_its_content(tmp_path, content, why):
    path = tmp_path if content is None else tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        Settings(label_studio_api_key_file=path).api_key()
    assert str(error.value).startswith(f"RELABEL_LABEL_STUDIO_API_KEY_FILE = {path}")
    assert why in str(error.value)
    assert "schl" not in str(error.value)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("Images.Example.org", "images.example.org"), (" a.org ", "a.org"), ("[::1]", "::1")],
)
def test_a_host_is_read_as_addresses_are_compared_with_it(monkeypatch, written, read_as):
    monkeypatch.setenv("RELABEL_IMAGE_HOSTS", f'["{written}"]')
    assert Settings.from_env().image_hosts == (read_as,)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("images.example.org:9000", "'images.example.org:9000'.*without scheme, port and path: "),
        ("https://images.example.org", "the host alone.*'images.example.org'"),
        ("images.example.org/photos", "the host alone.*'images.example.org'"),
        ("*.example.org", "there are no patterns"),
        ("", "the name of one host"),
    ],
)
def test_a_host_that_could_never_match_is_refused_with_the_one_that_would(
    monkeypatch, written, words
):
    monkeypatch.setenv("RELABEL_IMAGE_HOSTS", f'["{written}"]')
    with pytest.raises(ConfigurationError, match=rf"RELABEL_IMAGE_HOSTS = .*{words}"):
        Settings.from_env()
