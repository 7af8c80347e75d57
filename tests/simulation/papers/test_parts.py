"""What is kept is not computed again, and an order is judged by the interval of its difference."""

import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.simulation.papers.parts.kept import digest, kept
from relabel.simulation.papers.parts.orderings import ordering


def test_what_is_kept_is_not_computed_again_and_another_key_is(tmp_path):
    made = []

    def compute():
        made.append(1)
        return {"accuracy": [0.5, float(len(made))]}

    first = kept(tmp_path / "runs", {"seed": 0}, compute)
    assert kept(tmp_path / "runs", {"seed": 0}, compute) == first == {"accuracy": [0.5, 1.0]}
    assert kept(tmp_path / "runs", {"seed": 1}, compute) == {"accuracy": [0.5, 2.0]}


def test_a_damaged_file_is_named(tmp_path):
    kept(tmp_path, {"seed": 0}, lambda: {"accuracy": [1.0]})
    (path,) = tmp_path.iterdir()
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=path.name):
        kept(tmp_path, {"seed": 0}, dict)


def test_other_data_has_another_digest():
    one = np.arange(4.0)
    assert digest(one, one) == digest(one.copy(), one)
    assert len({digest(one, one), digest(one + 1, one), digest(one, one + 1)}) == 3


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        ([3.0, 3.1, 2.9], [1.0, 1.0, 1.0], "holds: +2.00 ["),
        ([1.0, 1.0, 1.0], [3.0, 3.1, 2.9], "fails: -2.00 ["),
        ([1.0, 3.0, 2.0], [2.0, 1.0, 2.0], "undecided: +0.33 ["),
        ([1.0], [0.0], "undecided: +1.00 ["),
    ],
)
def test_an_order_holds_where_the_interval_lies_on_one_side(better, worse, verdict):
    assert ordering(better, worse).startswith(verdict)
