"""The selectors that stand for themselves, by name."""

from relabel.learning.recipes.detectors import o2u, simifeat
from relabel.learning.recipes.kim import robust_update
from relabel.learning.recipes.linear import linear
from relabel.learning.recipes.peers import co_teaching, co_teaching_vog
from relabel.learning.recipes.self_supervised import ssl_co_teaching, ssl_linear
from relabel.learning.recipes.supervised import dalc, elr, vanilla
from relabel.learning.selection import Selector

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
