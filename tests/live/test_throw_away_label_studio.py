import pytest
from relabel.demo import api
from relabel.demo.annotators import Campaign, ServedLog
from relabel.demo.servers import processes
from relabel.demo.servers.label_studio import Administrator, start_label_studio
from relabel.errors import NotReadyError

pytestmark = pytest.mark.live


def push_scores(project, version, scores):
    admin = project.label_studio.admin
    rows = [
        {"task": task, "result": [], "score": score, "model_version": version}
        for task, score in scores.items()
    ]
    created = api.post(admin, f"/api/projects/{project.id}/import/predictions", rows)["created"]
    assert created == len(scores)
    settings = {"sampling": "Uncertainty sampling", "show_collab_predictions": True}
    api.patch(admin, f"/api/projects/{project.id}", {**settings, "model_version": version})


def set_open(project, task, is_open):
    values = {"overlap": 2, "is_labeled": not is_open}
    api.patch(project.label_studio.admin, f"/api/tasks/{task}", values)


def campaign(project, wait):
    return Campaign(
        url=project.label_studio.url,
        project=project.id,
        people=project.label_studio.annotators,
        truth=project.truth,
        database=project.label_studio.database,
        wait_until_carried=wait,
    )


def test_imported_tasks_hold_one_old_label_that_is_no_ground_truth(make_project):
    project = make_project(limit=120)
    tasks = project.export()
    assert len(tasks) == 120
    for task in tasks:
        (annotation,) = task["annotations"]
        assert annotation["completed_by"] == project.label_studio.original
        assert annotation["ground_truth"] is False
    wrong = sum(
        task["annotations"][0]["result"][0]["value"]["choices"] != [project.true_label(task["id"])]
        for task in tasks[:40]
    )
    assert 0 < wrong < 40
    image = project.label_studio.admin.get(tasks[0]["data"]["image"])
    assert image.content.startswith(b"\x89PNG")


def test_label_studio_serves_open_tasks_in_the_order_of_their_scores(make_project, tmp_path):
    project = make_project(limit=12)
    scores = {task: round(0.9 - 0.05 * i, 3) for i, task in enumerate(project.tasks)}
    push_scores(project, "v1", scores)
    for task in project.tasks:
        set_open(project, task, is_open=True)
    log = ServedLog.open(tmp_path / "served.jsonl")
    campaign(project, lambda _: None).run(12, log)
    assert not any("before open tasks" in one.problem for one in log.served)
    assert [one.task for one in log.served] == sorted(project.tasks, key=scores.__getitem__)
    assert ServedLog.open(log.path).served == log.served


def test_an_order_that_is_not_the_scores_is_noticed(make_project, tmp_path):
    """Without a model version the scores do not count, and Label Studio serves at random."""
    project = make_project(limit=30)
    scores = {task: i / 30 for i, task in enumerate(project.tasks)}
    push_scores(project, "v1", scores)
    api.patch(
        project.label_studio.admin, f"/api/projects/{project.id}", {"sampling": "Uniform sampling"}
    )
    for task in project.tasks:
        set_open(project, task, is_open=True)
    log = ServedLog.open(tmp_path / "served.jsonl")
    campaign(project, lambda _: None).run(10, log)
    assert sum("before open tasks" in one.problem for one in log.served) >= 5


def test_a_window_without_the_best_task_is_noticed(make_project, tmp_path):
    project = make_project(limit=10)
    scores = {task: i / 10 for i, task in enumerate(project.tasks)}
    push_scores(project, "v1", scores)
    for task in project.tasks[1:]:
        set_open(project, task, is_open=True)
    log = ServedLog.open(tmp_path / "served.jsonl")
    campaign(project, lambda _: None).run(3, log)
    assert all("closed" in one.problem for one in log.served)


def test_simulated_annotators_stop_when_nothing_is_left_for_them(make_project, tmp_path):
    project = make_project(limit=4)
    push_scores(project, "v1", {task: i / 4 for i, task in enumerate(project.tasks)})
    for task in project.tasks:
        set_open(project, task, is_open=True)
    log = ServedLog.open(tmp_path / "served.jsonl")
    campaign(project, lambda _: None).run(100, log)
    assert sorted(one.task for one in log.served) == project.tasks


def test_a_label_studio_that_cannot_start_says_why(tmp_path):
    """The message ends with what Label Studio itself printed."""
    broken = tmp_path / "bin"
    broken.mkdir()
    program = broken / "label-studio"
    program.write_text("#!/bin/sh\necho 'no database today'\nexit 3\n")
    program.chmod(0o755)
    someone = Administrator("a@example.com", "password", "b" * 40)
    with pytest.raises(NotReadyError, match=r"(?s)status 3 .*no database today"):
        start_label_studio(
            broken, tmp_path / "data", port=processes.free_port(0), administrator=someone
        )


def test_a_missing_label_studio_says_how_to_get_it(tmp_path):
    someone = Administrator("a@example.com", "password", "b" * 40)
    with pytest.raises(NotReadyError, match="make demo"):
        start_label_studio(tmp_path, tmp_path / "data", port=1, administrator=someone)
