"""What an experiment is made of, and what one campaign of it leaves."""

from dataclasses import dataclass

import numpy as np

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.consensus.posterior import Rates
from relabel.simulation.campaign.loop import Closing
from relabel.simulation.campaign.people import PanelSpec, check_panel
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.campaign.seeds import generator
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.noise_models import make_noise
from relabel.simulation.experiment.store import Figures
from relabel.simulation.measure.curves import Curve, Visits
from relabel.simulation.measure.evaluation import Alone
from relabel.types import IntArray

RANDOM, ORACLE, REPEATING = "random", "oracle", "oracle with repeats"
WEIGHING_ORACLE = "oracle posterior"
BASELINES = (RANDOM, ORACLE)
BOUNDS = {*BASELINES, REPEATING, WEIGHING_ORACLE}
"""Whatever knows the truth, or nothing: no methods to choose."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything but the method and the seed.

    labels: (N,) initial labels of all seeds; None = drawn anew for each seed by the noise model.
    budget: votes; None = one per task. retrain_every: votes; None = the first model ranks all.
    rank_every: votes after which one model ranks anew, by what has been said since; None = never.
    repeating_oracle: also run the oracle that may ask a task again, as in the reference code.
    at_once: the panel works at the same time, one task a person, as people do in a live project.
    confidence: that settles a task under the consensus "posterior". audit_share: of the votes of
    every method, not of the baselines. known_rates: how often labels and people err is told instead
    of learnt from the audit.
    """

    data: Dataset
    noise: str
    noise_rate: float | None
    budget: int | None = None
    retrain_every: int | None = None
    rank_every: int | None = None
    panel: PanelSpec | None = None
    closing: Closing = "majority"
    max_votes: int | None = 10
    labels: IntArray | None = None
    repeating_oracle: bool = False
    device: str = "cpu"
    at_once: bool = False
    confidence: float = 0.95
    audit_share: float = 0.0
    known_rates: bool = False

    def __post_init__(self) -> None:
        check_panel(self.panel, at_once=self.at_once)

    @property
    def votes(self) -> int:
        """The budget in votes."""
        return self.budget or len(self.data)


@dataclass(frozen=True, slots=True)
class Run:
    """One campaign: of which method and seed, its first labels, visits, curves and figures.

    visits and curve are about the labels of settled tasks, exported about all labels as they would
    be taken out, alone about the labels that rest on one person and the model.
    """

    method: str
    seed: int
    initial: IntArray
    visits: Visits
    curve: Curve
    exported: Curve
    alone: Alone
    figures: Figures


def check_method(
    method: Method, *, at_once: bool, audit_share: float, closing: Closing = "majority"
) -> None:
    """Refuse a method that cannot be simulated together with these parts of a setting.

    Raises:
        ConfigurationError: names all of them.
    """
    one_by_one = at_once or closing != "majority" or method.diversity != "none"
    if one_by_one and (method.weighs or audit_share):
        raise ConfigurationError(
            f"{method}: score='gain' and its like, consensus='posterior' and "
            f"audit_share={audit_share:g} are simulated vote by vote, "
            f"without a diversity (now {method.diversity!r}), without people at once "
            f"(now {at_once}) and where a consensus ends a task (now {closing!r})."
        )


def first_labels(setting: Setting, seed: int) -> IntArray:
    """Return the (N,) labels that the campaigns of a seed begin with.

    Raises:
        InvalidValuesError: one is missing (-1): every figure compares labels with the truth, and
            would take it for a wrong one.

    """
    labels = setting.labels
    if labels is None:
        noise = generator(seed, "noise")
        labels = make_noise(setting.noise, setting.data, noise, rate=setting.noise_rate)
    if (labels < 0).any():
        raise InvalidValuesError(
            f"{int((labels < 0).sum())} samples of {setting.data.name} have no first label; leave "
            "them out with simulation.books.with_first_labels."
        )
    return labels


def true_rates(data: Dataset, initial: IntArray) -> Rates:
    """Return how often first labels and people really err; initial: (N,)."""
    wrong = float((initial != data.truth).mean())
    if data.answers is None:
        right = data.distributions[np.arange(len(data)), data.truth]
    else:
        right = data.answers == data.truth[:, None]
    return Rates(np.full(len(data.classes), wrong), wrong, float(1 - right.mean()))
