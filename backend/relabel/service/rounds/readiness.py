"""Whether there is enough to learn from, and why not."""

from collections.abc import Callable, Mapping

from relabel.errors import NotReadyError
from relabel.service.books.problems import told_problems
from relabel.service.books.unmatched import told_unknown
from relabel.service.votes.state import MIN_PER_CLASS, ProjectState
from relabel.types import IntArray

SHOWN = 12
"""Classes that are listed."""


def check_enough(
    state: ProjectState,
    rows: IntArray,
    problems: Mapping[int, str],
    missing_source: Callable[[], str] = str,
) -> None:
    """Refuse to learn from too few labels.

    Args:
        state: the project as it is now.
        rows: of the tasks whose image can be used.
        problems: by task id, why the others cannot.
        missing_source: asked only if there are too few: says that there is no such version or
            field as `initial` names, "" = there is.

    Raises:
        NotReadyError: fewer than two classes have `MIN_PER_CLASS` labels each; says why.

    """
    counts = state.counts.votes[rows].sum(0)
    if (counts >= MIN_PER_CLASS).sum() >= 2:
        return
    ordered = sorted(zip(state.schema.classes, counts.tolist(), strict=True), key=lambda x: -x[1])
    found = ", ".join(f"{name}: {n:,}" for name, n in ordered[:SHOWN])
    more = f" and {len(ordered) - SHOWN:,} others: 0" if len(ordered) > SHOWN else ""
    why = ". ".join(_sentence(text) for text in _reasons(state, problems, missing_source()) if text)
    raise NotReadyError(
        f"Too few labels to learn from ({found}{more}): at least two classes need {MIN_PER_CLASS} "
        f"labelled tasks with a usable image each. {why}."
    )


def _reasons(state: ProjectState, problems: Mapping[int, str], missing: str) -> list[str]:
    total = int(state.mine().sum())
    unlabelled = int((~state.counts.votes.any(1) & state.mine()).sum())
    return [
        missing,
        told_unknown(state),
        f"{len(problems):,} of {total:,} images cannot be used: {told_problems(problems)}"
        if problems
        else "",
        f"{unlabelled:,} of {total:,} tasks have no label that counts" if unlabelled else "",
        "" if unlabelled or problems else "Let people label some tasks, or import labels",
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
