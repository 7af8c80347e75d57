from crowd import Submission
from reached import votes_to_target

GIVEN = {1: {9: "a"}, 2: {9: "b"}, 3: {9: "a"}, 4: {9: "a"}}
TRUTH = {1: "b", 2: "b", 3: "a", 4: "b"}


def said(*votes):
    """Submissions (annotator, task, label) in the order of their ids."""
    return [Submission(who, task, label, 0.1, 0.0, n) for n, (who, task, label) in enumerate(votes)]


def test_a_label_counts_as_corrected_with_the_vote_that_makes_the_majority():
    votes = said((1, 1, "b"), (1, 4, "b"), (2, 1, "b"), (2, 4, "b"))
    assert votes_to_target(votes, GIVEN, TRUTH, 0.75) == 3
    assert votes_to_target(votes, GIVEN, TRUTH, 1.0) == 4


def test_votes_count_in_the_order_in_which_label_studio_stored_them():
    votes = said((1, 1, "b"), (2, 1, "b"), (1, 3, "a"))
    assert votes_to_target(votes[::-1], GIVEN, TRUTH, 0.75) == 2


def test_a_target_that_is_reached_already_needs_no_votes():
    assert votes_to_target(said((1, 1, "b")), GIVEN, TRUTH, 0.5) == 0


def test_a_target_out_of_reach_is_none():
    assert votes_to_target(said((1, 1, "b")), GIVEN, TRUTH, 0.75) is None
