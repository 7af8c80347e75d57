"""From votes to labels: one rule per module."""

from collections.abc import Callable

from relabel.numerics.consensus.majority import majority
from relabel.types import Consensus

__all__ = ["RULES", "Rule"]

Rule = Callable[..., Consensus]

RULES: dict[str, Rule] = {"majority": majority}
