"""Logging: one line each on standard error, with secrets taken out."""

import logging
import re
import sys

from relabel.settings import Settings

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_PATTERNS = (
    re.compile(r"(Authorization['\"]?\s*[:=]\s*['\"]?)(Token|Bearer|Basic)\s+\S+", re.IGNORECASE),
    re.compile(r"(//[^/:@\s]+:)[^@/\s]+@"),
)


class RedactSecrets(logging.Filter):
    """Replace tokens and passwords in everything that is logged."""

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if len(secret) >= 4]

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's text; nothing is dropped."""
        text = record.getMessage()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = _PATTERNS[0].sub(r"\1***", text)
        record.msg, record.args = _PATTERNS[1].sub(r"\1***@", text), ()
        return True


def configure_logging(settings: Settings) -> None:
    """Send the package's log to standard error at the wished level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(FORMAT))
    secrets = [
        settings.label_studio_api_key.get_secret_value(),
        settings.basic_auth_pass.get_secret_value(),
    ]
    handler.addFilter(RedactSecrets(secrets))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("relabel").setLevel(settings.log_level.upper())
