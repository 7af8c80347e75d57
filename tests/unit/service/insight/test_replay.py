"""The votes so far, replayed with the other consensus."""

import html

import pytest
from bayes import by_hand
from relabel.service.insight.overview import read_overview
from wiring import deliver, publish_round, site

SURE = {"cat": 0.05, "dog": 0.9, "bird": 0.05}
RIGHT = {"cat": 0.9, "dog": 0.05, "bird": 0.05}


def replayed(context, number):
    return read_overview(context.engine, context.settings, number).replay


@pytest.fixture
def settled(context, fake, connected):
    """Three tasks labelled cat and settled by people: a dog twice, a cat once, a bird twice."""

    def make(params):
        number = connected(["cat", "cat", "cat"], params)
        first, second, third = fake.tasks
        publish_round(context, number, {}, {first: SURE, second: RIGHT, third: SURE})
        answers = [
            (first, "dog"),
            (first, "dog"),
            (second, "cat"),
            (third, "bird"),
            (third, "bird"),
        ]
        for person, (task, label) in enumerate(answers, start=1):
            fake.annotate(task, person, label)
            deliver(context, fake)
        return number

    return make


def test_the_posterior_would_have_saved_a_vote_and_left_one_task_open(context, settled):
    number = settled("window = 3")
    assert by_hand(SURE, "cat", ["dog"])["dog"] > 0.95
    assert by_hand(RIGHT, "cat", ["cat"])["cat"] > 0.95
    assert by_hand(SURE, "cat", ["bird", "bird"])["bird"] < 0.95
    found = replayed(context, number)
    assert (found.other, found.tasks, found.spent) == ("posterior", 3, 5)
    assert (found.fewer, found.differing, found.left) == (1, 0, 1)
    assert found.sentence() == (
        'With consensus = "posterior" the 3 tasks settled so far would have taken 1 of 5 votes '
        "less; 0 labels would differ; 1 of them would still wait for more votes."
    )
    with site(context.settings) as client:
        page = client.get(f"/projects/{number}").get_data(as_text=True)
    assert found.sentence() in html.unescape(page), "whatever the audit knows yet"


def test_a_majority_would_still_wait(context, settled):
    number = settled('window = 3\nconsensus = "posterior"')
    found = replayed(context, number)
    # The dog is settled by one vote and the model, although a second came; and the cat.
    assert (found.other, found.tasks, found.spent) == ("majority", 2, 3)
    assert (found.fewer, found.left) == (0, 0)


def test_nothing_is_said_before_anything_is_settled(context, connected, fake):
    number = connected(["cat", "dog"])
    assert replayed(context, number) is None
    publish_round(context, number, dict.fromkeys(fake.tasks, 0.5))
    assert replayed(context, number) is None


def test_a_label_may_differ(context, fake, connected):
    number = connected(["cat", "cat"])
    first, _ = fake.tasks
    publish_round(context, number, {}, dict.fromkeys(fake.tasks, SURE))
    for person, label in enumerate(("dog", "bird", "bird"), start=1):
        fake.annotate(first, person, label)
        deliver(context, fake)
    found = replayed(context, number)
    assert (found.spent, found.fewer, found.differing) == (3, 2, 1)
