"""Everything of a project that detaching must restore."""

from relabel.demo import api

COUNTERS = {
    "finished_task_number",
    "num_tasks_with_annotations",
    "total_annotations_number",
    "skipped_annotations_number",
    "useful_annotation_number",
    "queue_done",
    "queue_total",
    "queue_left",
}
"""What people's new annotations change in a project."""
TRACES = {"updated_at", "updated_by", "total_annotations"}
"""Which task was written last and by whom: any change leaves this, its undoing too."""


def snapshot(project):
    """Return everything that detaching must restore, annotations by id."""
    admin = project.label_studio.admin
    settings = {k: v for k, v in project.settings().items() if k not in COUNTERS}
    listed = api.get(admin, "/api/tasks", project=project.id, page_size=1000, fields="task_only")[
        "tasks"
    ]
    exported = {task["id"]: task for task in project.export()}
    annotations = {a["id"]: a for t in exported.values() for a in t.pop("annotations")}
    return {
        "settings": settings,
        "queue": {t["id"]: (t["overlap"], t["is_labeled"]) for t in listed},
        "tasks": {
            number: {k: v for k, v in task.items() if k not in TRACES}
            for number, task in exported.items()
        },
        "annotations": annotations,
        "predictions": by_id(api.get(admin, "/api/predictions/", project=project.id)),
        "model_versions": api.get(admin, f"/api/projects/{project.id}/model-versions/"),
        "webhooks": by_id(api.get(admin, "/api/webhooks/", project=project.id)),
        "backends": by_id(api.get(admin, "/api/ml", project=project.id)),
        "tabs": by_id(api.get(admin, "/api/dm/views/", project=project.id)),
    }


def by_id(items):
    aside = {"created_ago", "updated_at"}
    return {i["id"]: {k: v for k, v in i.items() if k not in aside} for i in items}
