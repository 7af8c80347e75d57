"""What connecting a project would find: its books, and where labels are. Nothing is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from relabel.accounts import EXAMPLES, Accounts
from relabel.errors import LabelConfigError, NotReadyError
from relabel.labelstudio.given_labels import given_label
from relabel.labelstudio.labels import SUPPORTED, LabelSchema
from relabel.labelstudio.payloads import TaskReading
from relabel.service.books.accounts import project_accounts
from relabel.service.books.label_sources import LabelSource, label_sources
from relabel.service.books.unmatched import offered_mapping
from relabel.service.connected import Connected
from relabel.service.context import Context
from relabel.service.sync.mirror import annotations_of, read_everything, task_of
from relabel.service.traces import several
from relabel.service.votes.state import MIN_PER_CLASS, ProjectState, count_state
from relabel.storage.answers import Outcome


@dataclass(frozen=True, slots=True)
class Survey:
    """What a project holds before anything is written.

    state: what its tasks and annotations say; sources: every place where labels are; missing: why
    tasks have no label in the place that the policy names, with how many.
    """

    state: ProjectState
    accounts: Accounts
    sources: tuple[LabelSource, ...]
    missing: Counter[str]

    def lines(self) -> tuple[str, ...]:
        """Return books and sources as people read them."""
        initial = self.state.policy.initial
        offered = offered_mapping(self.state)
        others = [source for source in self.sources if source.initial != initial]
        return (
            *self.accounts.lines(),
            *(
                f"{initial} gives no label of {several(times, 'task')}: {why}"
                for why, times in self.missing.most_common(EXAMPLES)
            ),
            *(f'also there: {one.text} (set initial = "{one.initial}")' for one in others),
            *([f"if that is what they mean, add to the policy: {offered}"] if offered else []),
        )


def survey_project(context: Context, connected: Connected) -> Survey:
    """Read the whole project as connecting would, and say what that finds.

    Raises:
        LabelStudioError: Label Studio does not answer.
        LabelConfigError: tasks show several images.

    """
    project, policy = connected.project, connected.policy
    readings = read_everything(context, connected)
    _refuse_several_images(connected.schema, readings)
    tasks = {r.task_id: task_of(connected, r) for r in readings}
    found = [a for r in readings for a in annotations_of(connected, r)]
    state = count_state(connected, dict(sorted(tasks.items())), found)
    # Labels are counted as if annotations were cleaned, whatever the policy names.
    votes = [
        answer
        for answer in state.answers
        if answer.annotation_id is not None and answer.outcome is Outcome.VOTE
    ]
    sources = label_sources(
        readings,
        state.schema,
        context.label_studio.model_versions(project.id),
        people=len({answer.source for answer in votes}),
        annotated=len(votes),
    )
    whys = (given_label(reading, state.schema, policy.initial).why for reading in readings)
    missing = Counter(why for why in whys if why)
    return Survey(state, project_accounts(state, 0), sources, missing)


def _refuse_several_images(schema: LabelSchema, readings: Sequence[TaskReading]) -> None:
    """Refuse a project in which one label is asked for several images.

    Raises:
        LabelConfigError: names the tag, its attribute and tasks.

    """
    several = [reading for reading in readings if reading.images > 1]
    if several:
        numbers = ", ".join(str(reading.task_id) for reading in several[:EXAMPLES])
        more = f" and {len(several) - EXAMPLES:,} more" if len(several) > EXAMPLES else ""
        raise LabelConfigError(
            f'<Image name="{schema.to_name}">: {several[0].image_problem} '
            f"(tasks {numbers}{more}). Make one task of each image. {SUPPORTED}."
        )


def check_minimum(survey: Survey) -> None:
    """Refuse a project from which nothing can be learnt.

    Raises:
        NotReadyError: says what is missing, what there is, and which other source has labels.

    """
    state = survey.state
    per_class = state.counts.votes.astype(bool).sum(0)
    if (per_class >= MIN_PER_CLASS).sum() >= 2:
        return
    found = ", ".join(
        f"{name} {n}" for name, n in zip(state.schema.classes, per_class, strict=True) if n
    )
    raise NotReadyError(
        f"Too few labels to learn from: at least two classes need {MIN_PER_CLASS} labelled tasks "
        f"each, and initial = {state.policy.initial!r} gives "
        f"{found or 'none'} of {len(state.tasks):,} tasks. Nothing was written. "
        + "; ".join(survey.lines())
    )
