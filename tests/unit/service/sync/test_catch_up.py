"""Carrying out events whatever the store has read so far."""

import pytest
from fake_label_studio import CONFIG
from relabel.errors import LabelConfigError
from relabel.service.sync.catch_up import carry_out
from wiring import deliver, report, state_of, votes_of_store


def test_a_mended_labelling_config_is_followed_although_the_store_has_a_broken_one(
    context, fake, running
):
    """The project is read before anything that has to make sense of the config."""
    number, ids = running
    fake.set_project(number, label_config="<View/>")
    report(context, fake.events.pop(0))
    with pytest.raises(LabelConfigError):
        carry_out(context, number)
    fake.set_project(number, label_config=CONFIG)
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    assert (ids[0], "1", "dog") in votes_of_store(context, number)
    assert state_of(context, number).project.label_config == CONFIG
