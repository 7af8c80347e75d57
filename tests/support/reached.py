"""After how many votes the labels of a project were right: what a forecast is compared with."""

from collections.abc import Mapping, Sequence

from crowd import Submission
from relabel.demo.queue_state import majority


def votes_to_target(
    submissions: Sequence[Submission],
    given: Mapping[int, Mapping[int, str]],
    truth: Mapping[int, str],
    target: float,
) -> int | None:
    """Return after how many submissions the target was reached first; None = not yet.

    A task keeps the label it came with until a strict majority gives it another.

    Args:
        submissions: of people.
        given: label by user for each task, before anybody submitted.
        truth: right label of each task.
        target: share of right labels, in [0, 1].
    """
    votes = {task: dict(said) for task, said in given.items()}
    labels = {task: next(iter(said.values())) for task, said in given.items()}
    right = sum(labels[task] == truth[task] for task in truth)
    for spent, one in enumerate(sorted(submissions, key=lambda one: one.annotation)):
        if right >= target * len(truth):
            return spent
        votes[one.task][one.annotator] = one.label
        now = majority(votes[one.task].values()) or labels[one.task]
        right += (now == truth[one.task]) - (labels[one.task] == truth[one.task])
        labels[one.task] = now
    return len(submissions) if right >= target * len(truth) else None
