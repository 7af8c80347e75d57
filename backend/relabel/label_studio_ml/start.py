"""What `label-studio-ml start` runs: the web process, with the options that it passes on."""

import argparse
import logging
import sys
from collections.abc import Sequence

from relabel.cli.run import checked_settings
from relabel.errors import RelabelError
from relabel.settings import Settings
from relabel.web.server import serve

log = logging.getLogger("relabel.web")


def main() -> None:
    """Serve until interrupted; deliberate errors end with one line and 1."""
    try:
        settings = checked_settings(**told_options(sys.argv[1:]))
        log.info("this is the web process only: run `relabel worker` beside it")
        serve(settings)
    except RelabelError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        log.info("stopping")


def told_options(arguments: Sequence[str]) -> dict[str, str]:
    """Return the settings that are given as options; all others come from the environment.

    Options of other backends (--model-dir, --check, --kwargs, --debug) are refused by name: nothing
    here would follow them.
    """
    parser = argparse.ArgumentParser(
        prog="_wsgi.py",
        description="Serve the ML backend. What is not given here comes from the environment, as "
        "for `relabel serve`.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    fields = Settings.model_fields
    parser.add_argument("-p", "--port", help=fields["port"].description)
    parser.add_argument("--host", help=fields["host"].description)
    parser.add_argument("--log-level", help=fields["log_level"].description)
    parser.add_argument("--basic-auth-user", help=fields["basic_auth_user"].description)
    parser.add_argument("--basic-auth-pass", help=fields["basic_auth_pass"].description)
    return vars(parser.parse_args(arguments))
