import inspect

import pytest
from relabel import errors

DELIBERATE = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, Exception)
]


@pytest.mark.parametrize("error", DELIBERATE, ids=lambda error: error.__name__)
def test_every_error_is_one_of_the_tree_and_drawn_in_it(error):
    assert issubclass(error, errors.RelabelError)
    assert error.__name__ in errors.__doc__


def test_wrong_arrays_are_also_value_errors():
    assert issubclass(errors.InvalidValuesError, ValueError)


@pytest.mark.parametrize(
    "error", [errors.LabelStudioDownError, errors.AccessError, errors.NotFoundError]
)
def test_whatever_label_studio_answers_can_be_caught_at_once(error):
    assert issubclass(error, errors.LabelStudioError)
