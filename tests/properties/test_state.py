"""Nothing that people, processes and clocks do to each other leaves the queue wrong for good."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RelabelMachine

SEQUENCES = int(os.environ.get("RELABEL_STATE_SEQUENCES", "0"))
ASKED = [(SEQUENCES, 25)] if SEQUENCES else [(12, 6), pytest.param(50, 6, marks=pytest.mark.slow)]
"""How many sequences, and of how many steps each."""
SHRINK = [Phase.shrink] if os.environ.get("RELABEL_SHRINK", "1") == "1" else []
"""Whether to look for the shortest sequence that fails, which may take minutes."""


@pytest.mark.parametrize(("sequences", "steps"), ASKED)
def test_whatever_happens_store_and_label_studio_come_to_rest_in_agreement(
    store_template, sequences, steps
):
    RelabelMachine.template = store_template
    run_state_machine_as_test(
        RelabelMachine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=steps,
            print_blob=True,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, *SHRINK],
            suppress_health_check=list(HealthCheck),
        ),
    )
