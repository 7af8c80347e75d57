# ruff: noqa: ARG002 - every view is called in the same way
"""Label Studio Community as far as the backend uses it, behind an HTTP transport.

Only what decides whether the queue is right is imitated: when a task counts as labelled, what a
change of the project does to overlaps, versions of predictions, ids that are used again, and which
task a person is served. `events` holds the webhooks that the real one would have sent.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

URL = "http://labelstudio.test"
CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="label" toName="image" choice="single-radio" required="true">'
    '<Choice value="cat"/><Choice value="dog"/><Choice value="bird"/></Choices></View>'
)
COUNTERS = ("total_annotations", "cancelled_annotations", "total_predictions")
ORIGINAL = 9
"""The user in whose name labels are imported."""


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status, detail)
        self.status, self.detail = status, detail


class FakeLabelStudio:
    """One server. Every public method that is no property is something a person does."""

    def __init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.annotations: dict[int, dict[str, Any]] = {}
        self.predictions: dict[int, dict[str, Any]] = {}
        self.backends: dict[int, dict[str, Any]] = {}
        self.webhooks: dict[int, dict[str, Any]] = {}
        self.views: dict[int, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.users = {person: f"person{person}@example.com" for person in range(1, ORIGINAL + 1)}
        self.hostname = ""
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.locks: dict[int, int] = {}
        # Once a project was deleted, the real one counts deleted predictions no more until it is
        # started anew.
        self.deaf = False
        # Whether it counts a project's tasks again when nothing is imported.
        self.recounts = True
        self.intercept: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
        self.answered: Callable[[httpx.Request], None] = lambda _request: None
        # What happens to a task between the moments in which a PATCH reads its row and saves it.
        self.crossing: Callable[[int], None] = lambda _task: None
        # What Label Studio does not keep, for `votes`: what each annotation has said, and by whom,
        # oldest first; and which said what when the backend was connected.
        self.said: dict[int, list[tuple[int, str]]] = {}
        self.initial: dict[int, tuple[int, str]] = {}
        self.deleted: set[int] = set()
        self._numbers = itertools.count(1)
        self._moment = datetime(2026, 1, 1, tzinfo=UTC)

    # -- what people do ----------------------------------------------------------------------
    def add_project(self, labels: Iterable[str | None] = (), config: str = CONFIG) -> int:
        number = next(self._numbers)
        self.projects[number] = {
            "id": number,
            "title": f"Project {number}",
            "label_config": config,
            "description": "",
            "created_at": self._now(),
            "sampling": "Sequential sampling",
            "maximum_annotations": 1,
            "overlap_cohort_percentage": 100,
            "skip_queue": "REQUEUE_FOR_OTHERS",
            "show_collab_predictions": True,
            "model_version": "",
        }
        self.add_tasks(number, labels)
        return number

    def add_tasks(self, project: int, labels: Iterable[str | None]) -> list[int]:
        """Import one task per label, with an annotation of that label; None = without."""
        return self.import_tasks(
            project,
            [{"annotations": [] if n is None else [old_label(n)]} for n in labels],
        )

    def import_tasks(self, project: int, bodies: Iterable[dict[str, Any]]) -> list[int]:
        """Import tasks as they stand in a file: data, annotations, predictions, all optional."""
        bodies = list(bodies)
        for body in bodies:
            self._refuse_unimportable(body)
        now = self._now()
        added = []
        for body in bodies:
            number = next(self._numbers)
            self.tasks[number] = {
                "id": number,
                "project": project,
                "data": body.get("data") or {"image": f"/data/upload/{project}/{number}.png"},
                "meta": body.get("meta", {}),
                "created_at": now,
                "updated_at": now,
                "overlap": self.projects[project]["maximum_annotations"],
                "is_labeled": False,
                "total_annotations": 0,
                "cancelled_annotations": 0,
                "total_predictions": 0,
            }
            for one in body.get("annotations", []):
                person = self._author(one.get("completed_by", ORIGINAL))
                skipped = bool(one.get("was_cancelled"))
                made = self._add_annotation(number, person, one["result"], now, skipped)
                # Nothing else is taken over: times, who changed it, its own unique id.
                self.annotations[made] |= {
                    "updated_by": None,
                    "ground_truth": one.get("ground_truth", True),
                    "lead_time": one.get("lead_time"),
                    "import_id": one.get("id"),
                }
                self.initial[made] = self.said[made][0]
            for one in body.get("predictions", []):
                self._add_prediction(number, {"model_version": "undefined", "score": None} | one)
            added.append(number)
        self._rearrange_cohort(project)
        self._send("TASKS_CREATED", project, tasks=[dict(self.tasks[n]) for n in added])
        return added

    def _refuse_unimportable(self, item: dict[str, Any]) -> None:
        """Refuse what the real one refuses (400), or fails at (500): then nothing is imported."""
        if "meta" in item and not isinstance(item["meta"], dict | list):
            raise RefusedError(400, "Task[meta] must be dict or list")
        for said in item.get("annotations", []):
            if not isinstance(said["result"], list):
                raise RefusedError(400, '"result" field in annotation must be list')
            self._author(said.get("completed_by"))
        for said in item.get("predictions", []):
            if not isinstance(said, dict) or said["result"] is None:
                raise RefusedError(500, "object has no attribute 'db_predictions'")
        if item.get("file_upload_id"):
            raise RefusedError(500, "FOREIGN KEY constraint failed")

    def _author(self, value: Any) -> int:
        """Return who an imported annotation is by; without an author, it is whoever imports."""
        if value is None:
            return 1
        if isinstance(value, dict):
            known = {email: person for person, email in self.users.items()}
            if value["email"] not in known:
                raise RefusedError(400, f"Unknown annotator's email {value['email']}")
            return known[value["email"]]
        if value not in self.users:
            raise RefusedError(400, f"completed_by={value} which is not a valid annotator's email")
        return int(value)

    def annotate(
        self,
        task: int,
        person: int,
        *choices: str,
        cancelled: bool = False,
        posted_by: int | None = None,
    ) -> int:
        """Submit; without a choice an empty form. posted_by: whose token it was, if another's."""
        chosen = result(list(choices))
        number = self._add_annotation(task, person, chosen, self._now(), cancelled)
        self.annotations[number]["updated_by"] = posted_by or person
        self.locks.pop(task, None)
        self._send_annotation("ANNOTATION_CREATED", number)
        return number

    def change(
        self, annotation: int, *choices: str, by: int | None = None, cancelled: bool = False
    ) -> None:
        """Press Update, or Skip; without a choice the form is cleared."""
        body = self.annotations[annotation]
        body["result"] = result(list(choices))
        body["was_cancelled"] = cancelled
        body["updated_at"] = self._now()
        body["updated_by"] = by or body["completed_by"]
        if self._last_said(annotation)[1] != said(body):
            self.said[annotation].append((body["updated_by"], said(body)))
        self._touch(body["task"])
        self._send_annotation("ANNOTATION_UPDATED", annotation)

    def delete_annotation(self, annotation: int) -> None:
        task = self.annotations.pop(annotation)["task"]
        self._touch(task)
        project = self.tasks[task]["project"]
        self._infer_state(project)
        self._send("ANNOTATIONS_DELETED", project, annotations=[{"id": annotation}])

    def delete_user(self, person: int) -> None:
        """Delete an account: its annotations stay without an author, and nothing is told."""
        self.deleted.add(person)
        for body in self.annotations.values():
            for key in ("completed_by", "updated_by"):
                body[key] = None if body[key] == person else body[key]

    def delete_task(self, task: int) -> None:
        project = self.tasks.pop(task)["project"]
        for things in (self.annotations, self.predictions):
            for number in [n for n, thing in things.items() if thing["task"] == task]:
                del things[number]
        self._send("TASKS_DELETED", project, tasks=[{"id": task}])

    def delete_project(self, project: int) -> None:
        for task in [n for n, t in self.tasks.items() if t["project"] == project]:
            self.delete_task(task)
        del self.projects[project]

    def set_project(self, project: int, **values: Any) -> None:
        """Press Save in the settings, or PATCH the project."""
        body = self.projects[project]
        if "model_version" in values and not self._version_exists(project, values["model_version"]):
            raise RefusedError(400, {"model_version": ["Model version doesn't exist"]})
        if values.get("show_collab_predictions") is False and "model_version" not in values:
            values["model_version"] = ""
        overlap = values.get("maximum_annotations", body["maximum_annotations"])
        changed = overlap != body["maximum_annotations"]
        skips_changed = values.get("skip_queue", body["skip_queue"]) != body["skip_queue"]
        if "description" in values:
            values["description"] = (values["description"] or "").strip()
        body |= values
        if changed:
            self._rewrite_overlaps(project, overlap)
        if skips_changed:
            self._count_again(project)
        self._send("PROJECT_UPDATED", project)

    def next_task(self, person: int) -> int | None:
        """Return the task that the plain label button serves; it is then locked for the person."""
        for task, holder in self.locks.items():
            if holder == person:
                return task
        served = [n for n in self._queue() if self._may_label(n, person)]
        served += [] if served else self._skipped_by(person)
        if served:
            self.locks[served[0]] = person
        return served[0] if served else None

    def votes(self, project: int, classes: Iterable[str] = ("cat", "dog", "bird")) -> set[Any]:
        """Return (task, person, label) of every vote.

        What was said before connecting, and each person's newest label since: a change of an old
        annotation is a label of whoever made it.
        """
        of_project = [
            a for a in self.annotations.values() if self.tasks[a["task"]]["project"] == project
        ]
        latest: dict[tuple[int, int, bool], str] = {}
        for body in sorted(of_project, key=lambda a: (a["updated_at"], a["id"])):
            number, now = body["id"], self._last_said(body["id"])
            first = self.initial.get(number)
            told = [(first, True)] if first else []
            told += [(now, False)] if first is None or now[1] != first[1] else []
            for (person, label), initial in told:
                if label in set(classes):
                    latest[body["task"], person, initial] = label
        return {(task, str(person), label) for (task, person, _), label in latest.items()}

    def open_tasks(self, project: int) -> list[int]:
        return [n for n, t in self.tasks.items() if t["project"] == project and not t["is_labeled"]]

    def picture(self, project: int) -> dict[str, Any]:
        """Return everything that detaching must bring back."""
        of_project = {n: t for n, t in self.tasks.items() if t["project"] == project}
        return {
            "project": {k: v for k, v in self.projects[project].items() if k != "updated_at"},
            "tasks": {n: (t["overlap"], t["is_labeled"], t["data"]) for n, t in of_project.items()},
            "predictions": [p for p in self.predictions.values() if p["task"] in of_project],
            "others": [dict(self.backends), dict(self.webhooks), dict(self.views)],
        }

    def _last_said(self, annotation: int) -> tuple[int, str]:
        """Return who last changed what an annotation says, and what."""
        body = self.annotations[annotation]
        return self.said.setdefault(annotation, [(body["completed_by"], said(body))])[-1]

    # -- HTTP --------------------------------------------------------------------------------
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        instead = self.intercept(request)
        if instead is not None:
            return instead
        response = self._answer(request)
        self.answered(request)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.path
        self.requests.append((request.method, path, body))
        if path in self.files:
            return httpx.Response(200, content=self.files[path])
        for method, pattern, view in _ROUTES:
            match = re.fullmatch(pattern, path)
            if method == request.method and match:
                return self._call(view, [int(n) for n in match.groups()], body, request.url.params)
        return httpx.Response(404, json={"detail": "Not found."})

    def writes(self) -> list[tuple[str, str, Any]]:
        return [(method, path, body) for method, path, body in self.requests if method != "GET"]

    def _call(self, view: str, numbers: list[int], body: Any, params: Any) -> httpx.Response:
        try:
            status, answer = getattr(self, view)(*numbers, body=body, params=params)
        except KeyError:
            return httpx.Response(404, json={"detail": "Not found."})
        except RefusedError as error:
            return httpx.Response(error.status, json={"validation_errors": error.detail})
        return httpx.Response(status, json=answer) if status != 204 else httpx.Response(204)

    def _get_version(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, {"release": "1.23.2"}

    def _get_schema(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, {"openapi": "3.0.3", "servers": [{"url": self.hostname}]}

    def _get_whoami(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, {"id": 1, "email": "admin@example.com"}

    def _get_project(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        count = sum(t["project"] == number for t in self.tasks.values())
        return 200, self.projects[number] | {"task_number": count}

    def _patch_project(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        self.set_project(number, **body)
        return 200, self.projects[number]

    def _complete_project(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        assert body == {"transition_name": "project_completed"}
        self.projects[number]["state"] = "COMPLETED"
        return 200, {"success": True, "new_state": "COMPLETED"}

    def _get_export(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        self.projects[number]
        found = [t for t in self.tasks.values() if t["project"] == number]
        hidden = ("overlap", "is_labeled", *COUNTERS)
        return 200, [
            {k: v for k, v in t.items() if k not in hidden}
            | {
                "annotations": self._annotations_of(t["id"]),
                "drafts": [],
                # Their ids alone.
                "predictions": [n for n, p in self.predictions.items() if p["task"] == t["id"]],
            }
            for t in found
        ]

    def _import(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        return 201, {"task_count": len(self.import_tasks(number, body))}

    def _get_users(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, [{"id": person, "email": email} for person, email in self.users.items()]

    def _get_tasks(self, *, body: Any, params: Any) -> tuple[int, Any]:
        number = int(params["project"])
        self.projects[number]
        found = [t for _, t in sorted(self.tasks.items()) if t["project"] == number]
        for item in json.loads(params.get("query", "{}")).get("filters", {}).get("items", []):
            found = [t for t in found if self._passes(t, item)]
        size, page = int(params["page_size"]), int(params["page"])
        part = found[(page - 1) * size : page * size]
        if params["fields"] == "all":
            part = [self._whole(t) for t in part]
        return 200, {"total": len(found), "tasks": part}

    def _passes(self, task: dict[str, Any], item: dict[str, Any]) -> bool:
        if item["filter"] == "filter:tasks:updated_at":
            return bool(task["updated_at"] > item["value"])
        if item["filter"] == "filter:tasks:id":
            return bool(task["id"] > int(item["value"]))
        assert item["filter"] == "filter:tasks:predictions_model_versions"
        mine = [p for p in self.predictions.values() if p["task"] == task["id"]]
        # Part of a name is enough.
        return any(item["value"][0] in p["model_version"] for p in mine)

    def _get_task(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, self._whole(self.tasks[number])

    def _patch_task(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        # Unlike an annotation, a changed overlap does not make Label Studio count again. It saves
        # the whole row as it was read: what a submission has counted meanwhile is lost.
        read = dict(self.tasks[number])
        self.crossing(number)
        self.tasks[number] = self.tasks[number] | read | body | {"updated_at": self._now()}
        return 200, self.tasks[number] | {"annotations": self._annotations_of(number)}

    def _import_predictions(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        self.projects[number]
        created = 0
        for item in body:
            task = self.tasks.get(item["task"])
            if task is None or task["project"] != number or not 0 <= item["score"] <= 1:
                continue  # dropped without a word, as the real one does
            self._add_prediction(task["id"], item)
            created += 1
        if not body and self.recounts:
            for task in self.tasks.values():
                self._count_predictions(task, added=True)
        return 201, {"created": created}

    def _patch_prediction(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        self.predictions[number] |= body
        self.tasks[self.predictions[number]["task"]]["updated_at"] = self._now()
        return 200, self.predictions[number]

    def _delete_prediction(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        task = self.tasks[self.predictions.pop(number)["task"]]
        task["updated_at"] = self._now()
        self._count_predictions(task)
        return 204, None

    def _get_versions(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        self.projects[number]
        versions: dict[str, int] = {}
        for prediction in self.predictions.values():
            if prediction["project"] == number:
                version = prediction["model_version"]
                versions[version] = versions.get(version, 0) + 1
        return 200, versions

    def _delete_version(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        version = body["model_version"]
        self.predictions = {
            n: p
            for n, p in self.predictions.items()
            if (p["project"], p["model_version"]) != (number, version)
        }
        for task in self.tasks.values():
            self._count_predictions(task)
        if self.projects[number]["model_version"] == version:
            self.projects[number]["model_version"] = None
        return 204, None

    def _get_backends(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, self._of_project(self.backends, params)

    def _add_backend(self, *, body: Any, params: Any) -> tuple[int, Any]:
        number, project = next(self._numbers), self.projects[body["project"]]
        for annotation in self.annotations.values():
            if annotation["project"] == body["project"]:
                self.initial[annotation["id"]] = self._last_said(annotation["id"])
        self.backends[number] = body | {"id": number, "state": "CO"}
        if not project["model_version"] and project["show_collab_predictions"]:
            project["model_version"] = body["title"]
        # Its own webhook, without any header.
        hook = {"url": f"{body['url']}/webhook", "headers": {}, "actions": [], "is_active": True}
        self._add_webhook(body=hook | {"project": body["project"]}, params=params)
        return 201, self.backends[number]

    def _patch_backend(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        self.backends[number] |= body
        return 200, self.backends[number]

    def _delete_backend(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        backend = self.backends.pop(number)
        project = self.projects[backend["project"]]
        if project["model_version"] == backend["title"]:
            project["model_version"] = ""
        return 204, None

    def _get_webhooks(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, self._of_project(self.webhooks, params)

    def _add_webhook(self, *, body: Any, params: Any) -> tuple[int, Any]:
        number = next(self._numbers)
        self.webhooks[number] = body | {"id": number}
        return 201, self.webhooks[number]

    def _delete_webhook(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        del self.webhooks[number]
        return 204, None

    def _get_columns(self, *, body: Any, params: Any) -> tuple[int, Any]:
        names = ("id", "completed_at", "total_annotations", "predictions_score", "updated_at")
        columns = [{"id": name, "target": "tasks"} for name in (*names, "data")]
        return 200, {"columns": [*columns, {"id": "image", "target": "tasks", "parent": "data"}]}

    def _get_views(self, *, body: Any, params: Any) -> tuple[int, Any]:
        return 200, self._of_project(self.views, params)

    def _add_view(self, *, body: Any, params: Any) -> tuple[int, Any]:
        number = next(self._numbers)
        self.views[number] = body | {"id": number}
        return 201, self.views[number]

    def _patch_view(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        before = self.views[number]["data"]
        if not body["data"].get("ordering"):  # an order cannot be taken away
            body["data"]["ordering"] = before.get("ordering", [])
        self.views[number] |= body
        return 200, self.views[number]

    def _delete_view(self, number: int, *, body: Any, params: Any) -> tuple[int, Any]:
        del self.views[number]
        return 204, None

    # -- rules -------------------------------------------------------------------------------
    def _now(self) -> str:
        # Far enough apart that nothing made by a person looks imported.
        self._moment += timedelta(seconds=60, microseconds=7)
        return written(self._moment)

    def _add_prediction(self, task: int, body: dict[str, Any]) -> None:
        number = next(self._numbers)
        project = self.tasks[task]["project"]
        self.predictions[number] = body | {"id": number, "task": task, "project": project}
        self._count_predictions(self.tasks[task], added=True)

    def _count_predictions(self, task: dict[str, Any], *, added: bool = False) -> None:
        if added or not self.deaf:
            mine = sum(p["task"] == task["id"] for p in self.predictions.values())
            task["total_predictions"] = mine

    def _add_annotation(
        self,
        task: int,
        person: int,
        chosen: list[dict[str, Any]],
        now: str,
        cancelled: bool = False,
    ) -> int:
        # SQLite gives the number of a deleted last row again.
        number = max(self.annotations, default=0) + 1
        made = datetime.fromisoformat(now)
        self.annotations[number] = {
            "id": number,
            "task": task,
            "project": self.tasks[task]["project"],
            "completed_by": person,
            "updated_by": person,
            "result": chosen,
            "was_cancelled": cancelled,
            "ground_truth": False,
            "lead_time": None,
            "created_at": now,
            # The two times are taken one after the other.
            "updated_at": written(made + timedelta(microseconds=3)),
        }
        self.said[number] = [(person, said(self.annotations[number]))]
        self.initial.pop(number, None)
        self._touch(task, now)
        self._infer_state(self.tasks[task]["project"])
        return number

    def _infer_state(self, project: int) -> None:
        """Do what a submission does, and no change of a task: only later versions have states."""
        if "state" in self.projects[project]:
            still_open = self.open_tasks(project)
            self.projects[project]["state"] = "IN_PROGRESS" if still_open else "COMPLETED"

    def _touch(self, task: int, now: str = "") -> None:
        body = self.tasks[task]
        body["updated_at"] = now or self._now()
        body["is_labeled"] = self._people(task) >= body["overlap"]
        body |= self.counters(task)

    def counters(self, task: int) -> dict[str, int]:
        """Return what the counters of a task should be."""
        mine = self._annotations_of(task)
        cancelled = sum(a["was_cancelled"] for a in mine)
        return {
            "total_annotations": len(mine) - cancelled,
            "cancelled_annotations": cancelled,
        }

    def _people(self, task: int) -> int:
        """Count different authors, all who are gone as one, and skips where they end a task."""
        ends = self.projects[self.tasks[task]["project"]]["skip_queue"] == "IGNORE_SKIPPED"
        return len(
            {
                a["completed_by"]
                for a in self.annotations.values()
                if a["task"] == task and (ends or not a["was_cancelled"])
            }
        )

    def _count_again(self, project: int) -> None:
        """Mark tasks anew, of which none seems to have changed."""
        for task in self.tasks.values():
            if task["project"] == project:
                task["is_labeled"] = self._people(task["id"]) >= task["overlap"]

    def _rewrite_overlaps(self, project: int, overlap: int) -> None:
        found = [t for t in self.tasks.values() if t["project"] == project]
        several = [t for t in found if t["overlap"] > 1]
        share = self.projects[project]["overlap_cohort_percentage"]
        if overlap > 1 and not several and share < 100:
            self._rearrange_cohort(project)
            return
        for task in several if overlap > 1 and several else found:
            task["overlap"] = overlap
        self._count_again(project)

    def _rearrange_cohort(self, project: int) -> None:
        """Give so many tasks the project's overlap and all others 1, whenever tasks come."""
        body = self.projects[project]
        share, overlap = body["overlap_cohort_percentage"], body["maximum_annotations"]
        if share == 100 or overlap == 1:
            return
        found = [t for t in self.tasks.values() if t["project"] == project]
        found.sort(key=lambda t: -len(self._annotations_of(t["id"])))
        for place, task in enumerate(found):
            task["overlap"] = overlap if place < int(len(found) * share / 100 + 0.5) else 1
        self._count_again(project)

    def _version_exists(self, project: int, version: str | None) -> bool:
        titles = {b["title"] for b in self.backends.values() if b["project"] == project}
        versions = {
            p["model_version"] for p in self.predictions.values() if p["project"] == project
        }
        return version == "" or version in titles | versions

    def _queue(self) -> list[int]:
        """Tasks in the order of uncertainty sampling; any order where that is not in force."""
        scores: dict[int, float] = {}
        for prediction in self.predictions.values():
            project = self.projects[prediction["project"]]
            in_force = project["sampling"] == "Uncertainty sampling"
            if in_force and prediction["model_version"] == project["model_version"]:
                task = prediction["task"]
                scores[task] = min(prediction["score"], scores.get(task, 2.0))
        return sorted(scores, key=scores.__getitem__) or list(self.tasks)

    def _may_label(self, task: int, person: int) -> bool:
        mine = any(
            a["task"] == task and a["completed_by"] == person for a in self.annotations.values()
        )
        return not (self.tasks[task]["is_labeled"] or mine or self._is_full(task, person))

    def _is_full(self, task: int, person: int) -> bool:
        """Count locks and annotations, each of these, as `has_lock` does."""
        rule = self.projects[self.tasks[task]["project"]]["skip_queue"]
        counted = [
            a
            for a in self._annotations_of(task)
            if not a["was_cancelled"]
            or rule == "IGNORE_SKIPPED"
            or (a["completed_by"] == person) != (rule == "REQUEUE_FOR_ME")
        ]
        held = self.locks.get(task, person) != person
        return held + len(counted) >= int(self.tasks[task]["overlap"])

    def _skipped_by(self, person: int) -> list[int]:
        """Return what comes back to a person when nothing else is left."""
        return [
            a["task"]
            for a in sorted(self.annotations.values(), key=lambda a: a["updated_at"])
            if a["completed_by"] == person
            and a["was_cancelled"]
            and self.projects[a["project"]]["skip_queue"] == "REQUEUE_FOR_ME"
            and not self.tasks[a["task"]]["is_labeled"]
            and not self._is_full(a["task"], person)
        ]

    def _annotations_of(self, task: int) -> list[dict[str, Any]]:
        return [dict(a) for a in self.annotations.values() if a["task"] == task]

    def _whole(self, task: dict[str, Any]) -> dict[str, Any]:
        found = self._annotations_of(task["id"])
        for body in found:
            author = body["completed_by"]
            if author is not None:
                body["completed_by"] = {"id": author, "email": "someone@example.com"}
        mine = [p for p in self.predictions.values() if p["task"] == task["id"]]
        return task | {"annotations": found, "predictions": mine}

    def _of_project(self, things: dict[int, dict[str, Any]], params: Any) -> list[dict[str, Any]]:
        return [t for t in things.values() if str(t["project"]) == params["project"]]

    def _send_annotation(self, action: str, number: int) -> None:
        body = self.annotations[number]
        task = self.tasks[body["task"]]
        self._send(
            action, task["project"], annotation=json.loads(json.dumps(body)), task=dict(task)
        )

    def _send(self, action: str, project: int, **values: Any) -> None:
        body = {"action": action, **values, "project": dict(self.projects[project])}
        self.events.append(json.loads(json.dumps(body)))


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def said(annotation: dict[str, Any]) -> str:
    """Return the one label of an annotation, or a word for what it is instead."""
    chosen = [c for r in annotation["result"] or [] for c in r["value"].get("choices", [])]
    if annotation["was_cancelled"]:
        return "(skip)"
    return chosen[0] if len(chosen) == 1 else f"({len(chosen)} choices)"


def old_label(choice: str) -> dict[str, Any]:
    return {"result": result([choice]), "ground_truth": False}


def result(choices: list[str]) -> list[dict[str, Any]]:
    if not choices:
        return []
    one = {"from_name": "label", "to_name": "image", "type": "choices"}
    return [one | {"value": {"choices": choices}}]


_ROUTES = (
    ("GET", r"/api/version", "_get_version"),
    ("GET", r"/docs/api/schema/", "_get_schema"),
    ("GET", r"/api/current-user/whoami", "_get_whoami"),
    ("GET", r"/api/projects/(\d+)/", "_get_project"),
    ("PATCH", r"/api/projects/(\d+)/", "_patch_project"),
    ("POST", r"/api/fsm/entities/project/(\d+)/transition/", "_complete_project"),
    ("GET", r"/api/projects/(\d+)/export", "_get_export"),
    ("POST", r"/api/projects/(\d+)/import", "_import"),
    ("GET", r"/api/users/", "_get_users"),
    ("GET", r"/api/tasks", "_get_tasks"),
    ("GET", r"/api/tasks/(\d+)/", "_get_task"),
    ("PATCH", r"/api/tasks/(\d+)/", "_patch_task"),
    ("POST", r"/api/projects/(\d+)/import/predictions", "_import_predictions"),
    ("PATCH", r"/api/predictions/(\d+)/", "_patch_prediction"),
    ("DELETE", r"/api/predictions/(\d+)/", "_delete_prediction"),
    ("GET", r"/api/projects/(\d+)/model-versions/", "_get_versions"),
    ("DELETE", r"/api/projects/(\d+)/model-versions/", "_delete_version"),
    ("GET", r"/api/ml", "_get_backends"),
    ("POST", r"/api/ml", "_add_backend"),
    ("PATCH", r"/api/ml/(\d+)", "_patch_backend"),
    ("DELETE", r"/api/ml/(\d+)", "_delete_backend"),
    ("GET", r"/api/webhooks/", "_get_webhooks"),
    ("POST", r"/api/webhooks/", "_add_webhook"),
    ("DELETE", r"/api/webhooks/(\d+)/", "_delete_webhook"),
    ("GET", r"/api/dm/columns", "_get_columns"),
    ("GET", r"/api/dm/views/", "_get_views"),
    ("POST", r"/api/dm/views/", "_add_view"),
    ("PATCH", r"/api/dm/views/(\d+)/", "_patch_view"),
    ("DELETE", r"/api/dm/views/(\d+)/", "_delete_view"),
)
