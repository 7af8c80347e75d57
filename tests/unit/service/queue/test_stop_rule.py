"""When relabelling ends by itself."""

import pytest
from relabel.service.queue.stop_rule import RECENT, stop_reason
from wiring import deliver, publish_round, state_of


@pytest.mark.slow
@pytest.mark.parametrize("key", ["stop_when = { yield = 0.05 }", "stop_yield = 0.05"])
def test_the_queue_closes_once_too_few_of_the_last_finished_tasks_were_wrong(
    context, fake, connected, key
):
    """Of the last 50, by when they were finished: as the key said before it had another name."""
    number = connected(["cat"] * (RECENT + 10), params=f"{key}\nwindow = 5000")
    ids = sorted(fake.tasks)
    publish_round(context, number, dict.fromkeys(ids, 0.5))
    for task in ids[:3]:
        fake.annotate(task, 1, "dog")
        fake.annotate(task, 2, "dog")
    deliver(context, fake)
    for task in ids[3:RECENT]:
        fake.annotate(task, 1, "cat")
    deliver(context, fake)
    assert stop_reason(state_of(context, number)) == ""  # 3 of 50
    fake.annotate(ids[RECENT], 1, "cat")
    deliver(context, fake)
    assert stop_reason(state_of(context, number)) == "only 4% of the last 50 tasks were wrong"
    assert not any(task["overlap"] > 1 for task in list(fake.tasks.values())[RECENT + 1 :])
