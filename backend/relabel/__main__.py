"""Lets `python -m relabel` be the command `relabel`."""

from relabel.cli import main

main()
