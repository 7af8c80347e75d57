"""From votes to labels: one rule per module.

A rule is called as `rule(counts, **options) -> Consensus`; those that weigh annotators also need
`votes`, the table of who gave which. States always come from the votes alone.
"""

from collections.abc import Callable

from relabel.numerics.consensus.crowdlab import crowdlab
from relabel.numerics.consensus.dawid_skene import dawid_skene
from relabel.numerics.consensus.majority import majority
from relabel.types import Consensus

Rule = Callable[..., Consensus]

RULES: dict[str, Rule] = {
    "majority": majority,
    "dawid_skene": dawid_skene,
    "crowdlab": crowdlab,
}
