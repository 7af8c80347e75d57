"""The selectors that stand for themselves, by name: what others are made of."""

from functools import partial

from relabel.catalogue.plugins import find
from relabel.catalogue.signatures import Parts
from relabel.learning.data import Selector
from relabel.learning.selectors.co_teaching import co_teaching
from relabel.learning.selectors.co_teaching_vog import co_teaching_vog
from relabel.learning.selectors.dalc import dalc
from relabel.learning.selectors.elr import elr
from relabel.learning.selectors.linear import linear
from relabel.learning.selectors.o2u import o2u
from relabel.learning.selectors.robust_update import robust_update
from relabel.learning.selectors.simifeat import simifeat
from relabel.learning.selectors.ssl_co_teaching import ssl_co_teaching
from relabel.learning.selectors.ssl_linear import ssl_linear
from relabel.learning.selectors.vanilla import vanilla

SINGLE: dict[str, Selector] = {
    "linear": linear,
    "vanilla": vanilla,
    "co_teaching": co_teaching,
    "co_teaching_vog": co_teaching_vog,
    "robust_update": robust_update,
    "elr": elr,
    "dalc": dalc,
    "o2u": o2u,
    "simifeat": simifeat,
    "ssl_linear": ssl_linear,
    "ssl_co_teaching": ssl_co_teaching,
}

PAIRS = ("co_teaching", "co_teaching_vog", "ssl_co_teaching")
"""Those that train two networks."""


def single(name: str) -> Selector:
    """Return the selector `name`, which is not itself made of others; a plug-in's, too."""
    return find("selector", name, SINGLE)


def with_options(name: str, options: Parts | None) -> Selector:
    """Return the selector `name`, not itself made of others, with its options of `options`."""
    return partial(single(name), **(options or {}).get(name, {}))
