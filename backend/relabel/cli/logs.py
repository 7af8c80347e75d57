"""Logging: one line each on standard error, with secrets taken out."""

import contextlib
import logging
import re
import sys
from collections.abc import Iterable

import stamina

from relabel.errors import ConfigurationError
from relabel.settings import Settings, misspelt_variables

log = logging.getLogger("relabel.labelstudio")

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_PATTERNS = (
    (r"(Authorization['\"]?\s*[:=]\s*['\"]?)(?:Token|Bearer|Basic)\s+[^\s'\"]+", r"\1***"),
    (r"(X-Relabel-Token['\"]?\s*[:=]\s*['\"]?)[^\s'\"]+", r"\1***"),
    (r"(//[^/:@\s]*:)[^@/\s]+@", r"\1***@"),
)
SHORTEST = 4
"""Characters of a secret that is looked for; shorter ones would blacken ordinary words."""


class RedactSecrets(logging.Formatter):
    """Takes tokens and passwords out of everything that is logged, tracebacks included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(FORMAT)
        # The longer first: one secret may be part of another.
        known = sorted({s for s in secrets if len(s) >= SHORTEST}, key=len, reverse=True)
        patterns = [(re.escape(secret), "***") for secret in known]
        self._patterns = [(re.compile(p, re.IGNORECASE), to) for p, to in (*patterns, *_PATTERNS)]

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        text = super().format(record)
        for pattern, instead in self._patterns:
            text = pattern.sub(instead, text)
        return text


def configure_logging(settings: Settings) -> None:
    """Send the package's log to standard error at the wished level."""
    handler = logging.StreamHandler(sys.stderr)
    secrets = [
        settings.label_studio_api_key.get_secret_value(),
        settings.basic_auth_pass.get_secret_value(),
    ]
    for read in (settings.api_key, lambda: (settings.basic_auth() or ("", ""))[1]):
        with contextlib.suppress(ConfigurationError):  # whoever needs it tells what is wrong
            secrets.append(read())
    handler.setFormatter(RedactSecrets(secrets))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("relabel").setLevel(settings.log_level.upper())
    stamina.instrumentation.set_on_retry_hooks([_tell_retry])
    for line in misspelt_variables():
        logging.getLogger("relabel.settings").warning(line)


def _tell_retry(details: stamina.instrumentation.RetryDetails) -> None:
    log.warning("Label Studio does not answer; trying again in %.1f s", details.wait_for)
