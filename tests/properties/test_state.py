"""Nothing that people, processes and clocks do to each other leaves the queue wrong for good."""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import RelabelMachine

SEQUENCES = int(os.environ.get("RELABEL_STATE_SEQUENCES", "0"))
FEW_AND_SHORT = (50, 6)
STEPS = 25
SHRINK = [Phase.shrink] if os.environ.get("RELABEL_SHRINK", "1") == "1" else []
"""Whether to look for the shortest sequence that fails, which may take minutes."""


def test_whatever_happens_store_and_label_studio_come_to_rest_in_agreement(store_template):
    RelabelMachine.template = store_template
    sequences, steps = (SEQUENCES, STEPS) if SEQUENCES else FEW_AND_SHORT
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
