"""The command `relabel`."""

from relabel.cli.app import main

__all__ = ["main"]
