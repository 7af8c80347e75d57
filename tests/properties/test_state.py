"""Nothing that people, processes and clocks do to each other leaves the queue wrong for good."""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RelabelMachine

SEQUENCES = int(os.environ.get("RELABEL_STATE_SEQUENCES", "0"))
SHRINK = [Phase.shrink] if os.environ.get("RELABEL_SHRINK", "1") == "1" else []
"""Whether to look for the shortest sequence that fails, which may take minutes."""
FEW = settings(max_examples=50, stateful_step_count=8, derandomize=True)
MANY = settings(max_examples=SEQUENCES or 1, stateful_step_count=25, print_blob=True)


def test_whatever_happens_store_and_label_studio_come_to_rest_in_agreement(store_template):
    RelabelMachine.template = store_template
    chosen = MANY if SEQUENCES else FEW
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    phases = [Phase.explicit, Phase.reuse, Phase.generate, *SHRINK]
    run_state_machine_as_test(
        RelabelMachine,
        settings=settings(chosen, deadline=None, phases=phases, suppress_health_check=slow),
    )
