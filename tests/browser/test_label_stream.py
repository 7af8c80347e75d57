"""What an annotator sees who presses "Label All Tasks", in a real browser."""

import pytest
from label_stream import label_stream
from relabel.demo import api
from relabel.demo.annotators import poll

pytestmark = [pytest.mark.live, pytest.mark.browser]


@pytest.fixture
def sorted_project(make_project, start_backend):
    """A project of 150 digits after its first round; no audited task comes in between."""
    project = make_project(limit=150)
    backend = start_backend(policy="audit_share = 0")
    backend.run("connect", "--project", str(project.id), "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=300)
    assert poll(lambda: not backend.status(project)["pending_jobs"], seconds=120)
    return project


def test_label_all_tasks_serves_the_lowest_scores_in_order(browser, sorted_project):
    """Five tasks, answered by clicking: each is the best open one, and each vote is stored."""
    project, admin = sorted_project, sorted_project.label_studio.admin
    annotator = project.label_studio.annotators[0]
    queue = project.queue()
    order = sorted(queue.available_to(annotator.id), key=lambda t: queue.tasks[t].score)
    best = min(task.score for task in queue.tasks.values())
    assert queue.tasks[order[0]].score == best
    url = project.label_studio.url
    with label_stream(browser, url, annotator.email, annotator.password) as stream:
        stream.label_all_tasks(project.id)
        for expected in order[:5]:
            assert stream.task() == expected
            stored = admin.get(api.get(admin, f"/api/tasks/{expected}/")["data"]["image"])
            assert stream.image() == stored.content
            assert stream.ticked() == 0  # no suggestion sways the annotator
            stream.choose(project.true_label(expected))
            assert stream.ticked() == 1
            stream.submit()
            vote = project.queue().tasks[expected].votes[annotator.id]
            assert vote == project.true_label(expected)
        assert stream.task() == order[5]
