"""What a process opens is checked before it is used."""

import pytest
from relabel.errors import (
    ConfigurationError,
)
from relabel.service.setup.connect import plan_connect

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.mark.parametrize("params", ['score = "none"', 'diversity = "none at all"'])
def test_a_policy_that_names_nothing_known_is_refused_before_it_is_used(context, fake, params):
    number = fake.add_project(["cat", "dog"])
    with pytest.raises(ConfigurationError, match=r"phi|k_centre"):
        plan_connect(context, number, params)
