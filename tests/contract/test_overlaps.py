"""What tasks look like after detaching: as before, or as if the backend had never been there."""

import pytest
from relabel.service.setup.detach import detach
from wiring import connect_project, deliver, publish_round


def states(fake):
    return {n: (t["overlap"], t["is_labeled"]) for n, t in fake.tasks.items()}


@pytest.fixture
def project(context, fake):
    """Make a project with settings, connect it and publish a round."""

    def made(labels, **settings):
        number = fake.add_project()
        fake.set_project(number, **settings)
        fake.add_tasks(number, labels)
        connect_project(context, number)
        publish_round(context, number, {})
        deliver(context, fake)
        return number

    return made


@pytest.mark.slow
@pytest.mark.parametrize("label", [None, "cat"])
def test_tasks_that_came_meanwhile_get_the_overlap_of_the_project(context, fake, project, label):
    number = project(["cat"] * 21, maximum_annotations=3)
    new = fake.add_tasks(number, [label] * 3)
    deliver(context, fake)
    assert {fake.tasks[n]["overlap"] for n in new} <= {1, 2}
    detach(context, number)
    assert states(fake) == dict.fromkeys(fake.tasks, (3, False))


def test_those_that_enough_people_labelled_meanwhile_are_done(context, fake, project):
    number = project(["cat"] * 4, maximum_annotations=2)
    first, second = fake.add_tasks(number, ["cat", "cat"])
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    detach(context, number)
    assert states(fake)[first] == (2, True)
    assert states(fake)[second] == (2, False)


def test_without_an_overlap_of_its_own_a_labelled_new_task_is_done(context, fake, project):
    number = project(["cat"] * 4)
    labelled, bare = fake.add_tasks(number, ["cat", None])
    deliver(context, fake)
    detach(context, number)
    assert (states(fake)[labelled], states(fake)[bare]) == ((1, True), (1, False))


def test_of_a_share_the_new_tasks_get_their_part_the_labelled_ones_first(context, fake, project):
    number = project(["cat"] * 10, maximum_annotations=3, overlap_cohort_percentage=40)
    with_share = states(fake)
    new = fake.add_tasks(number, [None, None, "cat", "cat", None])
    deliver(context, fake)
    detach(context, number)
    after = states(fake)
    assert [after[n][0] for n in new] == [1, 1, 3, 3, 1]
    assert sum(overlap == 3 for overlap, _ in after.values()) == 6
    assert len(with_share) == 10


def test_earlier_tasks_of_a_share_keep_theirs(context, fake):
    number = fake.add_project()
    fake.set_project(number, maximum_annotations=3, overlap_cohort_percentage=40)
    fake.add_tasks(number, ["cat"] * 10)
    before = states(fake)
    connect_project(context, number)
    publish_round(context, number, {})
    fake.add_tasks(number, [None] * 5)
    deliver(context, fake)
    detach(context, number)
    after = states(fake)
    assert {n: after[n] for n in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("somebody_labels", [False, True])
@pytest.mark.parametrize("recounts", [True, False])
def test_deleted_predictions_are_counted_no_more(context, fake, project, somebody_labels, recounts):
    """Also where Label Studio has stopped counting them, as it does after deleting a project."""
    number = project(["cat"] * 6)
    fake.deaf, fake.recounts = True, recounts
    if somebody_labels:  # then they go one by one
        fake.annotate(min(fake.tasks), 1, "dog")
        deliver(context, fake)
    detach(context, number)
    assert fake.predictions == {}
    assert {task["total_predictions"] for task in fake.tasks.values()} == {0}
    written = [body for method, _, body in fake.requests if method == "PATCH"]
    one_by_one = sum("total_predictions" in (body or {}) for body in written)
    assert one_by_one == (0 if recounts else 6)


def test_predictions_of_others_stay_and_are_counted(context, fake, project):
    number = project(["cat"] * 3)
    first, *others = sorted(fake.tasks)
    fake._add_prediction(first, {"result": [], "score": 0.5, "model_version": "theirs"})
    fake.deaf = True
    detach(context, number)
    assert [p["model_version"] for p in fake.predictions.values()] == ["theirs"]
    assert fake.tasks[first]["total_predictions"] == 1
    assert {fake.tasks[one]["total_predictions"] for one in others} == {0}


def test_nothing_is_written_where_predictions_are_counted(context, fake, project):
    number = project(["cat"] * 3)
    detach(context, number)
    written = [(path, body) for method, path, body in fake.writes() if body is not None]
    assert not [path for path, body in written if "total_predictions" in body]
    assert not [path for path, body in written if path.endswith("import/predictions") and not body]
