"""Where a project's labels may be: annotations, versions of predictions, fields of the data.

Which of them is cleaned the policy key `initial` says; the others are named, so that nobody cleans
an empty source while the labels lie beside it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from relabel.accounts import nearest
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import TaskReading

LEAST_ALIKE = 0.5
"""Share of a field's values that must look like classes before it is named as a source."""
NAMED_FIELDS = 5
"""Fields that are named at most; more would hide the likely one."""


@dataclass(frozen=True, slots=True)
class LabelSource:
    """One place where labels are.

    initial: the policy's value that names it; count: labels there; text: the sentence for people.
    """

    initial: str
    count: int
    text: str


def label_sources(
    readings: Sequence[TaskReading],
    schema: LabelSchema,
    versions: Mapping[str, int],
    *,
    people: int,
    annotated: int,
) -> tuple[LabelSource, ...]:
    """Return every source of labels that a project has.

    Args:
        readings: all tasks.
        schema: their classes.
        versions: number of predictions by model version.
        people: whose annotations there are.
        annotated: labels that these give.

    """
    found = []
    if annotated:
        text = f"{annotated:,} labels from annotations by {people:,} people"
        found.append(LabelSource("annotations", annotated, text))
    for version, count in versions.items():
        # Predictions without a version can be named by nobody.
        if version and count:
            text = f"{count:,} predictions of version {version!r}"
            found.append(LabelSource(f"predictions:{version}", count, text))
    return (*found, *_fields(readings, schema.classes))


def _fields(readings: Iterable[TaskReading], classes: Sequence[str]) -> list[LabelSource]:
    """Return the fields of the tasks' data whose values look like the classes, likeliest first."""
    values: dict[str, Counter[str]] = {}
    for reading in readings:
        for name, value in reading.data.items():
            if isinstance(value, str | int | float) and str(value):
                values.setdefault(name, Counter())[str(value)] += 1
    sources = []
    for name, counted in values.items():
        filled = counted.total()
        # As many different values as tasks are addresses or notes: no look at each of them.
        if len(counted) > max(2 * len(classes), 10):
            continue
        alike = sum(times for value, times in counted.items() if nearest(value, classes))
        if alike >= LEAST_ALIKE * filled:
            exact = sum(counted[name_] for name_ in classes)
            text = f"{filled:,} values of the field {name!r}, {exact:,} of them classes as they are"
            sources.append(LabelSource(f"data:{name}", filled, text))
    return sorted(sources, key=lambda source: -source.count)[:NAMED_FIELDS]
