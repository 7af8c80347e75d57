"""Tied tasks: which label they show, and that no order of the classes decides anything."""

import json

import numpy as np
import pytest
from fake_label_studio import CONFIG, FakeLabelStudio
from relabel.numerics.scoring import SCORES
from relabel.service.export.export import FORMATS, export_rows
from relabel.service.insight.preview import explain, next_rows, reason
from relabel.service.votes.result import RoundResult
from relabel.storage.database import reading
from relabel.storage.rounds import published_round
from relabel.types import State
from wiring import connect_project, deliver, make_context, publish_round, state_of

CLASSES = ("cat", "dog", "bird")
TASKS = 14
PEOPLE = (1, 2, 3)


def config(classes):
    choices = "".join(f'<Choice value="{name}"/>' for name in classes)
    start, end = CONFIG.index("<Choice value"), CONFIG.index("</Choices>")
    return CONFIG[:start] + choices + CONFIG[end:]


def shown(context, number):
    """Return the name of each task's label; "" = none."""
    state = state_of(context, number)
    return [(*state.schema.classes, "")[label] for label in state.consensus.labels]


@pytest.fixture
def begin(tmp_path, store_template):
    """Connect a project: begin(order of classes, old labels by task) -> context, fake, number."""
    opened = []

    def make(classes, old, params=None):
        folder = tmp_path / str(len(opened))
        folder.mkdir()
        fake = FakeLabelStudio()
        context = make_context(folder, fake, store_template)
        opened.append(context)
        number = fake.add_project([None] * len(old), config=config(classes))
        for task, labels in zip(list(fake.tasks), old, strict=True):
            for person, label in labels:
                fake.annotate(task, person, label)
        connect_project(context, number, params)
        return context, fake, number

    yield make
    for context in opened:
        context.close()


def story(seed):
    """Old labels, posteriors and votes of a project in which every kind of tie occurs."""
    rng = np.random.default_rng(seed)

    def names(n):
        return [str(name) for name in rng.permutation(CLASSES)[:n]]

    old = [[(9, name)] for name in rng.choice(CLASSES, TASKS).tolist()]
    old[0], old[1] = [], []
    old[2] = list(zip((8, 9), names(2), strict=True))
    old[3] = list(zip((7, 8, 9), names(3), strict=True))
    probs = rng.dirichlet(np.ones(3), TASKS)
    probs[::4] = np.array([0.4, 0.4, 0.2])[rng.permutation(3)]
    probs[5] = 1 / 3
    posteriors = [dict(zip(CLASSES, row.tolist(), strict=True)) for row in probs]
    votes = [(task, person) for task in range(8) for person in PEOPLE if rng.random() < 0.6]
    said = rng.choice([*CLASSES, ""], len(votes)).tolist()
    return old, posteriors, [(*vote, name) for vote, name in zip(votes, said, strict=True)]


def played(begin, classes, story, params):
    """Return everything that is shown of a project after its round and votes."""
    old, posteriors, votes = story
    context, fake, number = begin(classes, old, params)
    tasks = list(fake.tasks)
    publish_round(context, number, {}, dict(zip(tasks, posteriors, strict=True)))
    for task, person, said in votes:
        fake.annotate(tasks[task], person, *([said] if said else []))
    deliver(context, fake)
    state = state_of(context, number)
    with reading(context.engine) as connection:
        artifact = published_round(connection, number).artifact
    result = RoundResult.load(context.folder(number), artifact)
    found = explain(state, np.arange(TASKS), result, None)
    return {
        "served": [list(state.tasks)[row] for row in next_rows(state, TASKS)],
        "scores": [round(task.score, 8) for task in state.tasks.values()],
        "labels": shown(context, number),
        "reasons": [reason(task) for task in found],
        "suggested": [task.suggested for task in found],
        "tasks": json.loads(FORMATS["json"](context, *export_rows(context, number)).text)["tasks"],
    }


@pytest.mark.slow
@pytest.mark.parametrize("params", ["", 'score = "label_margin"\n', "solo = true\n"])
@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_the_classes_in_the_config_changes_nothing(begin, seed, params):
    told = story(seed)
    one = played(begin, CLASSES, told, params)
    for order in (CLASSES[::-1], ("dog", "cat", "bird")):
        other = played(begin, order, told, params)
        for what, value in one.items():
            assert other[what] == value, what


@pytest.mark.slow
@pytest.mark.parametrize("score", sorted(set(SCORES) - {"random"}))
def test_mirror_images_stand_side_by_side(begin, score):
    """The model believes the old label of both tasks, and one new vote contradicts it."""
    params = f'score = "{score}"\nselector = "co_teaching"\nwindow = 10\n'
    context, fake, number = begin(CLASSES[:2], [[(9, "cat")], [(9, "dog")]], params)
    cat, dog = fake.tasks
    sure = {"cat": 0.9, "dog": 0.1}
    publish_round(context, number, {}, {cat: sure, dog: dict(zip(sure, [0.1, 0.9], strict=True))})
    fake.annotate(cat, 1, "dog")
    fake.annotate(dog, 1, "cat")
    deliver(context, fake)
    one, other = (task.score for task in state_of(context, number).tasks.values())
    assert one == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("classes", [CLASSES, CLASSES[::-1]])
def test_a_tied_task_without_old_label_shows_the_first_vote(begin, classes):
    context, fake, number = begin(classes, [[(9, "cat")], [], []])
    _, one, other = fake.tasks
    for task, votes in ((one, ("dog", "bird")), (other, ("bird", "dog"))):
        for person, name in enumerate(votes, 1):
            fake.annotate(task, person, name)
    deliver(context, fake)
    assert shown(context, number) == ["cat", "dog", "bird"]
    assert state_of(context, number).given.tolist()[1:] == [-1, -1]


@pytest.mark.parametrize("classes", [CLASSES, CLASSES[::-1]])
def test_of_two_old_labels_the_older_one_is_the_initial_label(begin, classes):
    context, _, number = begin(
        classes, [[(8, "cat"), (9, "dog")], [(8, "dog"), (9, "cat")], [(9, "cat")]]
    )
    assert shown(context, number) == ["cat", "dog", "cat"]
    state = state_of(context, number)
    assert (state.given == state.consensus.labels).all()
    rows = export_rows(context, number)[1]
    assert [row.initial_label for row in rows] == ["cat", "dog", "cat"]


def test_a_label_that_was_ahead_is_kept_when_another_draws_level(begin):
    """Old cat; dog, dog corrects; bird, bird draws level: dog stays, also in the export."""
    for classes in (CLASSES, CLASSES[::-1]):
        context, fake, number = begin(classes, [[(9, "cat")], [(9, "dog")]])
        task = next(iter(fake.tasks))
        for person, name in enumerate(("dog", "dog", "bird", "bird"), 1):
            fake.annotate(task, person, name)
        deliver(context, fake)
        assert shown(context, number)[0] == "dog"
        row = export_rows(context, number)[1][0]
        assert (row.label, row.state, row.changed) == ("dog", "tied", False)


def test_two_people_who_disagree_under_solo_leave_the_task_open(begin):
    context, fake, number = begin(CLASSES, [[(9, "cat")], [(9, "dog")]], "solo = true\n")
    task = next(iter(fake.tasks))
    fake.annotate(task, 1, "dog")
    deliver(context, fake)
    assert state_of(context, number).consensus.states[0] == State.SETTLED
    fake.annotate(task, 2, "bird")
    deliver(context, fake)
    assert state_of(context, number).consensus.states[0] == State.TIED
    assert shown(context, number)[0] == "cat"
    fake.annotate(task, 3, "bird")
    deliver(context, fake)
    assert state_of(context, number).consensus.states[0] == State.SETTLED
    assert shown(context, number)[0] == "bird"


def test_a_label_is_judged_anew_when_it_changes_although_the_votes_are_as_many(begin):
    """The first of two votes is taken back and given again: now the other one was first."""
    context, fake, number = begin(CLASSES, [[(9, "cat")], []], 'score = "label_margin"\n')
    _, task = fake.tasks
    first = fake.annotate(task, 1, "dog")
    fake.annotate(task, 2, "cat")
    deliver(context, fake)
    publish_round(context, number, {}, {task: {"cat": 0.1, "dog": 0.8, "bird": 0.1}})
    before = state_of(context, number).tasks[task].score
    fake.delete_annotation(first)
    fake.annotate(task, 1, "dog")
    deliver(context, fake)
    assert shown(context, number)[1] == "cat"
    assert state_of(context, number).tasks[task].score < before, "cat is less likely than dog"


def test_a_model_that_finds_the_old_label_as_likely_suggests_no_other(begin):
    context, fake, number = begin(CLASSES, [[(9, "dog")], [(9, "bird")]])
    even = dict.fromkeys(CLASSES, 1 / 3)
    publish_round(context, number, {}, dict.fromkeys(fake.tasks, even))
    state = state_of(context, number)
    with reading(context.engine) as connection:
        artifact = published_round(connection, number).artifact
    result = RoundResult.load(context.folder(number), artifact)
    for task in explain(state, np.arange(2), result, None):
        assert task.suggested == task.given
        assert "likelier" not in reason(task)
