"""What campaigns come to: rows of accuracy, of wrong labels asked for, and the paper's orders."""

import numpy as np

from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.parts.campaigns import NOT_TEXT, percent
from relabel.simulation.papers.parts.kept import Figures
from relabel.simulation.papers.parts.orderings import ordering

GOAL = 0.9
"""Share of the best final accuracy by which ways are compared: the paper's 90 % is out of reach."""

Found = dict[str, list[Figures]]


def accuracy_rows(found: Found, batch: int, noise: str) -> list[Row]:
    """Return test accuracy at the start, half-way and at the end, and labels to the goal."""
    final = [np.mean([one["accuracy"][-1] for one in runs]) for runs in found.values()]
    goal = GOAL * float(max(final))
    rows: list[Row] = []
    for name, runs in found.items():
        rounds = len(runs[0]["accuracy"]) - 1
        points = [
            f"{percent([one['accuracy'][at] for one in runs])} after {at * batch:,}"
            for at in dict.fromkeys((0, rounds // 2, rounds))
        ]
        labels = [labels_to(goal, one["accuracy"], batch) for one in runs]
        reached = [value for value in labels if value is not None]
        told = f"{np.mean(reached):,.0f} labels" if len(reached) == len(labels) else "not reached"
        rows.append(
            {
                "row": f"{noise}, {name}: test accuracy",
                "paper": NOT_TEXT,
                "ours": f"{', '.join(points)}; to {goal:.1%}: {told}",
            }
        )
    return rows


def labels_to(goal: float, accuracy: list[float], batch: int) -> float | None:
    """Return the labels after which the accuracy is `goal`, between rounds by a straight line."""
    reached = np.flatnonzero(np.asarray(accuracy) >= goal)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0:
        return 0.0
    before, after = accuracy[at - 1], accuracy[at]
    return batch * (at - 1 + (goal - before) / (after - before))


def order_rows(
    found: Found, figure: str, orders: tuple[tuple[str, str], ...], noise: str
) -> list[Row]:
    """Return whether each first way of `orders` is above the second, by the mean over rounds."""
    means = {
        name: [100 * float(np.mean(one[figure])) for one in runs] for name, runs in found.items()
    }
    return [
        {
            "row": f"{noise}: {better} above {worse}, {figure}",
            "paper": "claimed",
            "ours": ordering(means[better], means[worse]),
        }
        for better, worse in orders
    ]
