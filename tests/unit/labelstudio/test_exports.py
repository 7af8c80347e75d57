import pytest
from relabel.errors import PayloadError
from relabel.labelstudio.exports import read_export


def entry(*choices, name="label", **value):
    choices = {"choices": list(choices)}
    return {"from_name": name, "type": "choices", "value": choices | value}


class Annotations:
    """Makes annotations, each a minute later than the one before."""

    def __init__(self):
        self.made = 0

    def __call__(self, *result, by=1, **more):
        self.made += 1
        at = f"2026-01-01T00:{self.made:02d}:00Z"
        body = {"id": self.made, "completed_by": by, "result": list(result), "created_at": at}
        return body | {"updated_at": at, "updated_by": by} | more


@pytest.fixture
def said():
    return Annotations()


def task(number, *annotations):
    return {"id": number, "data": {"image": "a.png"}, "annotations": list(annotations)}


def votes(export):
    return {
        (a.task_id, a.source, export.classes[a.label])
        for a in export.answers
        if a.label is not None
    }


def test_each_person_has_one_vote_and_the_newest_counts(said):
    first, second = said(entry("cat"), by=1), said(entry("dog"), by=2)
    again = said(entry("dog"), by=1)
    export = read_export([task(7, again, second, first)])
    assert votes(export) == {(7, "1", "dog"), (7, "2", "dog")}
    assert export.classes == ("cat", "dog")
    assert export.oldest == {7: 0}
    assert sorted(a.outcome for a in export.answers) == ["replaced", "vote", "vote"]


def test_every_annotation_has_an_outcome(said):
    export = read_export(
        [
            task(1, said(entry("cat")), said(entry("dog"), by=2)),
            task(2, said(), said(entry("cat"), was_cancelled=True)),
            task(3, said(entry("cat", "dog"))),
            task(4),
        ]
    )
    assert export.tasks == (1, 2, 3, 4)
    outcomes = [(a.task_id, a.outcome, a.choice) for a in export.answers]
    assert sorted(outcomes) == [
        (1, "vote", "cat"),
        (1, "vote", "dog"),
        (2, "no answer", ""),
        (2, "skipped", ""),
        (3, "unreadable", "2 choices at once"),
    ]


def test_people_who_are_gone_stay_as_many_as_they_were(said):
    gone = [said(entry("cat"), by=None), said(entry("dog"), by=None)]
    assert len(votes(read_export([task(1, *gone)]))) == 2


def test_of_several_tags_one_is_read(said):
    both = [entry("cat"), entry("left", name="side")]
    bodies = [task(1, said(*both)), task(2, said(entry("dog")))]
    assert votes(read_export(bodies, "label")) == {(1, "1", "cat"), (2, "1", "dog")}
    assert votes(read_export(bodies, "side")) == {(1, "1", "left")}
    with pytest.raises(PayloadError, match=r"\(label 2, side 1\); name the one.*--choices label"):
        read_export(bodies)
    with pytest.raises(PayloadError, match='nothing is chosen in "lable", but in: label 2, side 1'):
        read_export(bodies, "lable")


def test_nested_choices_are_called_by_their_ends(said):
    bodies = [
        task(1, said(entry(["pet", "cat"]))),
        task(2, said(entry("cat"))),
        task(3, said(entry(["pet", "other"]))),
        task(4, said(entry(["thing", "other"]))),
        task(5, said(entry(["thing"], ["thing", "car"]))),
    ]
    export = read_export(bodies)
    assert export.classes == ("car", "cat", "pet > other", "thing > other")
    assert [label for _, _, label in sorted(votes(export))] == [
        "cat",
        "cat",
        "pet > other",
        "thing > other",
        "car",
    ]


@pytest.mark.parametrize(
    ("bodies", "why"),
    [
        ({"detail": "Invalid token."}, "it is no list of tasks"),
        ("text", "it is no list of tasks"),
        ([{"id": 1, "annotation_id": 3, "label": "cat"}], "task 1 of 1 .*this is JSON_MIN"),
        ([task(1), "text"], "task 2 of 2 holds no list of annotations: this is another format"),
        ([task(1), {"id": 2, "annotations": [1, 2]}], "task 2 of 2 holds no list of annotations"),
        ([task("1")], r"task 1 of 1\.id: expected int, got str"),
        ([task(1), task(1)], "task 2 of 2 has the number 1 of another one"),
        ([task(1, {"result": []})], r"annotation\.id: expected int"),
    ],
)
def test_what_is_no_export_says_which_task_and_why(bodies, why):
    with pytest.raises(PayloadError, match=why):
        read_export(bodies)


def test_labels_of_regions_are_refused(said):
    region = entry("cat", x=1, y=2, width=3, height=4)
    with pytest.raises(PayloadError, match='what is chosen in "label" are labels of regions'):
        read_export([task(1, said(region))])
