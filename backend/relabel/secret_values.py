"""Secrets as they are found: in files of their owner, and those of the examples, which are none."""

import stat
from pathlib import Path
from urllib.parse import urlsplit

from relabel.errors import ConfigurationError
from relabel.files import read_text, reason

EXAMPLES = frozenset({"change-me", "changeme", "change-me-to-forty-random-characters"})
"""Values of the .env.example of earlier versions: everybody knows them."""
MOUNTED = Path("/run/secrets")
"""Where container engines put secrets: readable for all within the container, for nobody else."""


def read_secret(path: Path, variable: str) -> str:
    """Return what a file of its owner holds, without blanks around it.

    Raises:
        ConfigurationError: it cannot be read, others can read it, or it holds an example.

    """
    text = read_text(path, variable).strip()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"{variable} = {path}: {reason(error)}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and MOUNTED not in path.resolve().parents:
        raise ConfigurationError(
            f"{variable} = {path} can be read by others: run chmod 600 {path}."
        )
    if is_example(text):
        raise ConfigurationError(f"{example_in(variable)}.")
    return text


def is_example(value: str) -> bool:
    """Return whether a secret, or the password within an address, is one of the examples."""
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    return not EXAMPLES.isdisjoint({value.strip(), password})


def example_in(variable: str) -> str:
    """Return what to do about an example's password."""
    return (
        f"{variable} still holds the password of an example, which everybody knows: put one of "
        f"your own there (`openssl rand -hex 20` makes good ones; with docker compose, in .env)"
    )
