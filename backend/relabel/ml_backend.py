"""The same engine as a model class of label-studio-ml, for 1.0.9 from PyPI and for 2.x.

`label-studio-ml start backend` does not need it: backend/_wsgi.py starts the whole application. It
is for people whose deployment is built around label-studio-ml's own server. 1.0.9 runs `fit` in a
process of its own for every event and knows no project in `predict`; this class therefore keeps no
state, imports no torch, and takes the project from the tasks.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from label_studio_ml.model import LabelStudioMLBase

from relabel.errors import RelabelError
from relabel.labelstudio.payloads import project_id
from relabel.service.context import open_context
from relabel.service.jobs import Jobs, open_queue, register_jobs
from relabel.service.predictions import UNTRAINED, stored_predictions
from relabel.service.receiving import RECEIVERS, receive
from relabel.settings import Settings
from relabel.storage.database import open_database, reading
from relabel.storage.projects import list_projects


class RelabelBackend(LabelStudioMLBase):  # type: ignore[misc]  # the library has no types
    """Hands events to the job queue and answers predictions from the store."""

    TRAIN_EVENTS = tuple(RECEIVERS)

    def predict(
        self, tasks: Sequence[dict[str, Any]], context: Any = None, **_: Any
    ) -> list[dict[str, Any]]:
        """Return the stored score of each task."""
        del context  # of interactive labelling, which has no meaning here
        engine, _jobs = _opened()
        number = next((project_id(task) for task in tasks if task.get("project")), None)
        return stored_predictions(engine, number, [int(task["id"]) for task in tasks])

    def fit(
        self, *args: Any, event: str | None = None, data: Any = None, **_: Any
    ) -> dict[str, Any]:
        """Journal the event and ask for it to be carried out; nothing is trained here."""
        # 1.0.9 passes an empty tuple of tasks, then keywords; 2.x passes event and data in order.
        places = args if args and isinstance(args[0], str) else (event, *args[1:])
        action = event or places[0]
        body = dict(data or (places[1] if len(places) > 1 else None) or {})
        if action:
            body["action"] = action
        engine, jobs = _opened()
        done: dict[str, Any] = {"model_version": UNTRAINED}
        try:
            for hinted in _concerned(engine, body):
                number, work = receive(engine, Settings.from_env(), body, hinted)
                if work:
                    jobs.ingest(number)
                done |= {"project": number, "accepted": work}
        except RelabelError as error:
            return {"error": str(error)}
        return done


def _concerned(engine: Any, body: dict[str, Any]) -> list[int | None]:
    """Return the projects that an event without content may come from; None = the event says it.

    The header that tells them apart does not get as far as this class.
    """
    if body.keys() != {"action"}:
        return [None]
    with reading(engine) as connection:
        return [project.id for project in list_projects(connection)]


@cache
def _opened() -> tuple[Any, Jobs]:
    """Open store and queue once per process, at the first request."""
    settings = Settings.from_env()
    jobs = register_jobs(open_queue(settings), lambda: open_context(settings))
    return open_database(settings.database()), jobs
