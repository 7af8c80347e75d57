"""Nothing that people, processes and clocks do to each other leaves the queue wrong for good."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RelabelMachine

SEQUENCES = int(os.environ.get("RELABEL_STATE_SEQUENCES", "0"))
SHRINK = [Phase.shrink] if os.environ.get("RELABEL_SHRINK", "1") == "1" else []
"""Whether to look for the shortest sequence that fails, which may take minutes."""
MANY = settings(max_examples=SEQUENCES or 1, stateful_step_count=25, print_blob=True)


@pytest.mark.skipif(not SEQUENCES, reason="make test-state")
def test_whatever_happens_store_and_label_studio_come_to_rest_in_agreement(store_template):
    RelabelMachine.template = store_template
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    phases = [Phase.explicit, Phase.reuse, Phase.generate, *SHRINK]
    run_state_machine_as_test(
        RelabelMachine,
        settings=settings(MANY, deadline=None, phases=phases, suppress_health_check=slow),
    )
