"""Where the system runs: addresses, credentials, folders. What it does is in `policy`."""

import os
import re
import socket
import ssl
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from relabel.accounts import nearest
from relabel.errors import ConfigurationError
from relabel.http.reach import trusted
from relabel.machine import processors
from relabel.secret_values import example_in, is_example, read_secret


def _also(*names: str) -> AliasChoices:
    return AliasChoices(*names)


def _begins(*schemes: str) -> AfterValidator:
    """Accept nothing, or an address of one of these kinds."""

    def check(address: str) -> str:
        if address and not address.startswith(schemes):
            raise ValueError(f"begin it with {' or '.join(schemes)}")
        return address

    return AfterValidator(check)


def _has_host(address: str) -> str:
    """Accept nothing, or an address that names a host and no impossible port."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"no address of the web ({error})") from error
    if address and (not url.host or not 0 < (url.port or 1) <= MAX_PORT):
        raise ValueError("name a host, and a port up to 65535 if it is not the usual one")
    return address


def _trusts(bundle: Path) -> Path:
    """Accept a file of certificates only."""
    try:
        trusted(bundle)
    except ssl.SSLError as error:
        raise ValueError(
            "it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        ) from error
    except OSError as error:
        raise ValueError(str(error.strerror)) from error
    return bundle


def _host(text: str) -> str:
    """Return a host as addresses are compared with it; one that would never match is refused."""
    name = text.strip().lower()
    try:
        host = urlsplit(name if "//" in name else f"//{name}").hostname or ""
    except ValueError:
        host = ""
    if not host or "*" in host:
        raise ValueError("write the name of one host; there are no patterns")
    if name not in (host, f"[{host}]"):
        raise ValueError(f"write the host alone, without scheme, port and path: {host!r}")
    return host


WebAddress = Annotated[str, _begins("http://", "https://"), AfterValidator(_has_host)]
Host = Annotated[str, AfterValidator(_host)]

SECRETS = ("label_studio_api_key", "basic_auth_pass", "database_url")
"""Settings that may come from the file that NAME_file names instead."""

RETIRED = ("RELABEL_QUEUE_URL", "RELABEL_QUEUE_URL_FILE")
"""Variables of earlier versions, of an address that nobody asks any more."""

MAX_PORT = 65_535
PREFIX = "RELABEL_"

_PASSWORD = re.compile(r"(//[^/:@\s]*:)[^@/\s]+@")
"""Of a user within an address."""


class Settings(BaseSettings):
    """The deployment, read from the environment once, at the composition root.

    Every name may be written with the prefix RELABEL_; the names that Label Studio users already
    know (LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY, BASIC_AUTH_USER, PORT, ...) work as well.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True
    )

    label_studio_url: WebAddress = Field(
        min_length=1,
        default="http://localhost:8080",
        validation_alias=_also("RELABEL_LABEL_STUDIO_URL", "LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"),
        description="Address of Label Studio as this backend reaches it.",
    )
    label_studio_aliases: tuple[WebAddress, ...] = Field(
        default=(),
        description="Other addresses that stand for the same Label Studio in its tasks, with their "
        'path, as JSON: ["https://studio.example.org"]. Their images are read at LABEL_STUDIO_URL.',
    )
    ca_bundle: Annotated[Path, AfterValidator(_trusts)] | None = Field(
        default=None,
        description="PEM file of certificate authorities that are trusted besides the usual ones: "
        "for Label Studio, images, and the doctor's own request to this backend.",
    )
    label_studio_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_also("RELABEL_LABEL_STUDIO_API_KEY", "LABEL_STUDIO_API_KEY"),
        description="Legacy token or personal access token of a Label Studio user.",
    )
    label_studio_api_key_file: Path | None = Field(
        default=None,
        validation_alias=_also("RELABEL_LABEL_STUDIO_API_KEY_FILE", "LABEL_STUDIO_API_KEY_FILE"),
        description="File that holds the token instead; only its owner may read it.",
    )
    url: WebAddress = Field(
        default="", description="Address of this backend as Label Studio reaches it."
    )
    host: str = Field(default="127.0.0.1", description="Interface to listen on.")
    port: int = Field(
        default=9090,
        ge=1,
        le=65535,
        validation_alias=_also("RELABEL_PORT", "PORT"),
        description="Port to listen on.",
    )
    basic_auth_user: str = Field(
        default="",
        validation_alias=_also("RELABEL_BASIC_AUTH_USER", "BASIC_AUTH_USER"),
        description="User that Label Studio and people must give; empty = no password asked.",
    )
    basic_auth_pass: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_also("RELABEL_BASIC_AUTH_PASS", "BASIC_AUTH_PASS"),
        description="Password to the user above.",
    )
    basic_auth_pass_file: Path | None = Field(
        default=None,
        validation_alias=_also("RELABEL_BASIC_AUTH_PASS_FILE", "BASIC_AUTH_PASS_FILE"),
        description="File that holds that password instead; only its owner may read it.",
    )
    data_dir: Path = Field(
        default=Path("relabel-data"),
        description="Folder for the store, cached images, embeddings and rounds.",
    )
    database_url: str = Field(
        default="", description="SQLAlchemy address; empty = SQLite in the data folder."
    )
    database_url_file: Path | None = Field(
        default=None,
        description="File that holds that address instead; only its owner may read it.",
    )
    policy_file: Path | None = Field(
        default=None, description="TOML file with policy keys for all projects."
    )
    device: str = Field(
        default="cpu",
        pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$",
        description="Torch device of the rounds: cpu, cuda, mps; auto = cuda where there is one, "
        "else cpu.",
    )
    log_level: str = Field(
        default="INFO",
        pattern=r"(?i)^(debug|info|warning|error)$",
        validation_alias=_also("RELABEL_LOG_LEVEL", "LOG_LEVEL"),
        description="DEBUG, INFO, WARNING or ERROR.",
    )
    sweep_seconds: float = Field(
        default=60.0, gt=0, description="How often state is compared with Label Studio, seconds."
    )
    request_timeout_seconds: float = Field(
        default=120.0, gt=0, description="Longest wait for one answer of Label Studio, seconds."
    )
    max_request_bytes: int = Field(
        default=64 * 2**20, gt=0, description="Largest request body accepted."
    )
    max_image_bytes: int = Field(default=64 * 2**20, gt=0, description="Largest image file used.")
    max_image_pixels: int = Field(default=100_000_000, gt=0, description="Largest image decoded.")
    image_timeout_seconds: float = Field(
        default=30.0, gt=0, description="Longest wait for one image, seconds."
    )
    image_hosts: tuple[Host, ...] = Field(
        default=(),
        description='Hosts besides Label Studio from which images may be read, as JSON: ["a.org"].',
    )
    local_files_root: Path | None = Field(
        default=None,
        validation_alias=_also("RELABEL_LOCAL_FILES_ROOT", "LOCAL_FILES_DOCUMENT_ROOT"),
        description="Label Studio's document root, if mounted here: images are read from disk.",
    )

    show_annotators: bool = Field(
        default=False,
        description="Show figures about single annotators on the dashboard: they are about people, "
        "so nobody sees them unless you say so.",
    )

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: naming the variable, its value and what is allowed.

        """
        for name in RETIRED:
            if os.environ.get(name):
                raise ConfigurationError(
                    f"Settings: {name} is no setting any more: what is to be done stands in the "
                    f"store, and Redis is not needed. Take the variable away; several machines "
                    f"need RELABEL_DATABASE_URL alone, the address of a PostgreSQL."
                )
        try:
            return cls(**overrides)
        except ValidationError as error:
            problems = "; ".join(map(_problem, error.errors()))
            raise ConfigurationError(f"Settings: {problems}.") from error
        except SettingsError as error:
            found = re.search(r'field "(\w+)"', str(error))
            name = f"RELABEL_{found[1].upper()}" if found else "A list"
            raise ConfigurationError(
                f"Settings: {name} = {os.environ.get(name)!r}: lists are JSON, as in '[\"a.org\"]'."
            ) from error

    @model_validator(mode="after")
    def _auth_is_whole(self) -> Self:
        password = self._given("basic_auth_pass") or self.basic_auth_pass_file
        if bool(self.basic_auth_user) != bool(password):
            raise ValueError("set both BASIC_AUTH_USER and BASIC_AUTH_PASS, or neither")
        return self

    @model_validator(mode="after")
    def _secrets_have_one_source(self) -> Self:
        for name in SECRETS:
            if self._given(name) and getattr(self, f"{name}_file") is not None:
                both = f"{_variable(name)} and {_variable(f'{name}_file')}"
                raise ValueError(f"{both} are both set: take one of them away")
        return self

    @model_validator(mode="after")
    def _secrets_are_own(self) -> Self:
        for name in SECRETS:
            if is_example(self._given(name)):
                raise ValueError(example_in(_variable(name)))
        return self

    def api_key(self) -> str:
        """Return Label Studio's token, from the environment or from the file."""
        key = self._secret("label_studio_api_key")
        if not key:
            raise ConfigurationError(
                "LABEL_STUDIO_API_KEY is empty: copy a token from Label Studio "
                "(avatar, Account & Settings, Personal Access Token or Legacy Token)."
            )
        return key

    def basic_auth(self) -> tuple[str, str] | None:
        """User and password that requests to this backend must carry, or None."""
        if not self.basic_auth_user:
            return None
        password = self._secret("basic_auth_pass")
        if not password:
            raise ConfigurationError(
                f"{_variable('basic_auth_pass_file')} = {self.basic_auth_pass_file}: the file is "
                f"empty; write the password into it."
            )
        return self.basic_auth_user, password

    def public_url(self) -> str:
        """Address at which Label Studio reaches this backend, without a trailing slash."""
        return (self.url or f"http://localhost:{self.port}").rstrip("/")

    def database(self) -> str:
        """SQLAlchemy address of the store."""
        return self._secret("database_url") or f"sqlite:///{self.store()}"

    def store(self) -> Path:
        """File of the store where it is SQLite in the data folder."""
        return (self.data_dir / "relabel.sqlite3").resolve()

    def _given(self, name: str) -> str:
        """Return a secret as the environment has it."""
        value = getattr(self, name)
        return str(value.get_secret_value() if isinstance(value, SecretStr) else value)

    def _secret(self, name: str) -> str:
        """Return a secret from the environment or from its file."""
        path = getattr(self, f"{name}_file")
        if path is None:
            return self._given(name).strip()
        return read_secret(path, _variable(f"{name}_file"))

    def hostname(self) -> str:
        """Name of this machine in the rounds' records."""
        return socket.gethostname()


WAITING, THREADS = "OMP_WAIT_POLICY", "OMP_NUM_THREADS"
"""Variables that OpenMP reads once, when torch is loaded."""


def rounds_environment() -> dict[str, str]:
    """Return the environment for a round, with its threads set where the user has not set them.

    Waiting threads sleep: by default they keep their processors busy, and beside two busy
    neighbours a fit then takes five times the processor time. And there are no more of them than
    processors that this container may use, of which OpenMP knows nothing.
    """
    wanted = {WAITING: "PASSIVE", THREADS: str(processors())}
    return {**os.environ, **{n: v for n, v in wanted.items() if not os.environ.get(n)}}


def set_threads() -> None:
    """Give this process the environment for a round; before anything loads torch."""
    os.environ.update(rounds_environment())


CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
"""Variable that cuBLAS reads at its first product; unset, products differ from run to run."""


def fix_cublas() -> None:
    """Let matrix products on CUDA be repeatable, unless the user has chosen a workspace.

    NVIDIA's cuBLAS documentation, "Results reproducibility"; eight buffers of 4 MiB.
    """
    os.environ.setdefault(CUBLAS, ":4096:8")


def weights_folder() -> Path:
    """Return where torch keeps the weights that it has downloaded."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return Path(os.path.expandvars(home)).expanduser() / "hub" / "checkpoints"


def misspelt_variables() -> list[str]:
    """Return a sentence for each variable that is no setting but nearly has the name of one."""
    names = [name.upper() for name in Settings.model_fields]
    meant = {
        variable: nearest(variable.removeprefix(PREFIX), names)
        for variable in sorted(os.environ)
        if variable.startswith(PREFIX) and variable.removeprefix(PREFIX) not in names
    }
    return [
        f"{variable} is no setting and does nothing; did you mean {PREFIX}{name}?"
        for variable, name in meant.items()
        if name
    ]


def _problem(error: ErrorDetails) -> str:
    """Name variable, value and what is allowed; of all settings together show no value: secrets."""
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    value = _PASSWORD.sub(r"\1***@", repr(error["input"]))
    message = error["msg"].removeprefix("Value error, ")
    return f"{_variable(str(error['loc'][0]))} = {value}: {message}"


def _variable(name: str) -> str:
    """Return the variable that a setting is read from: the one that is there, else its first name.

    Args:
        name: of the field, or one of its variables.

    """
    aliases = [f.validation_alias for f in Settings.model_fields.values()]
    own = f"{PREFIX}{name.upper()}"
    names = next(
        (a.choices for a in aliases if isinstance(a, AliasChoices) and {name, own} & {*a.choices}),
        [name if name.isupper() else own],
    )
    return str(next((n for n in names if str(n) in os.environ), names[0]))
