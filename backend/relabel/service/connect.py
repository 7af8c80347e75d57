"""Connecting a project, and taking every trace of it away again."""

import logging
from dataclasses import dataclass
from typing import Any

from relabel.errors import ConfigurationError, LabelStudioError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.contract import (
    RESTORED,
    TAB_TITLE,
    settings_to_change,
    tab,
)
from relabel.labelstudio.labels import LabelSchema, check_abstention
from relabel.policy import Policy
from relabel.service.context import Context, policy_of, schema_of
from relabel.service.old_predictions import remove_version
from relabel.service.queue import switch_queue
from relabel.service.reconcile import read_everything, reconcile_all
from relabel.service.survey import refuse_several_images
from relabel.service.webhooks import replace_webhooks
from relabel.settings import Settings
from relabel.storage.annotations import FAR_FUTURE, forget_beginnings, list_annotations
from relabel.storage.database import reading
from relabel.storage.locks import queue_lock
from relabel.storage.projects import (
    Project,
    find_project,
    get_project,
    save_project,
    set_project,
)
from relabel.storage.writes import log_write

log = logging.getLogger("relabel.connect")

BACKEND_TITLE = "Relabel"
VERSION_PREFIX = "relabel-"
"""Of the model versions of all rounds."""


@dataclass(frozen=True, slots=True)
class ConnectPlan:
    """What connecting will do; nothing has been written yet.

    leftovers: model versions of an earlier connection that this store knows nothing of.
    """

    project: Project
    policy: Policy
    schema: LabelSchema
    steps: tuple[str, ...]
    leftovers: tuple[str, ...] = ()


def plan_connect(context: Context, number: int, extra_params: str | None = None) -> ConnectPlan:
    """Read and check the project, and say what connecting will write.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        extra_params: policy keys for this project as TOML or JSON; None = those it has.

    Raises:
        LabelConfigError: the labelling config is not supported, or tasks show several images.
        ConfigurationError: a policy key or value is wrong.

    """
    body = context.label_studio.project(number)
    with reading(context.engine) as connection:
        known = find_project(connection, number)
    params = extra_params if extra_params is not None else (known.extra_params if known else "")
    project = Project(
        id=number,
        created_at=str(body.get("created_at", "")),
        title=str(body.get("title", "")),
        label_config=str(body.get("label_config", "")),
        extra_params=params,
        connected_at=known.connected_at if known else FAR_FUTURE,
        before=known.before if known else {key: body.get(key) for key in RESTORED},
        backend_id=known.backend_id if known else None,
        webhook_id=known.webhook_id if known else None,
        view_id=known.view_id if known else None,
        high_water=known.high_water if known else "",
        train_requested=known.train_requested if known else False,
        paused=known.paused if known else False,
        note=known.note if known else "",
        webhook_digest=known.webhook_digest if known else "",
        skip_queue=str(body.get("skip_queue") or ""),
    )
    policy = policy_of(context.settings, params)
    schema = schema_of(project, policy)
    check_abstention(schema, policy.cannot_tell)
    if known is None:
        # Of a connected project, such tasks are left out and named: work goes on with the others.
        refuse_several_images(schema, read_everything(context, project, policy))
    changes = settings_to_change(body, "", policy.queue)
    url = context.settings.public_url()
    tasks_text = (
        f"read {body.get('task_number', 0)} tasks with {len(schema.classes)} classes "
        f"({', '.join(schema.classes[:12])}) from the Choices tag {schema.from_name!r}"
    )
    rounds_text = (
        "then, with each round: write one prediction without a suggestion per task, "
        f"open the {policy.window} most suspicious tasks, and point model_version at the round"
    )
    leftovers = () if known else _leftovers(context.label_studio, number)
    steps = (
        tasks_text,
        *(f"remember that {note}" for note in schema.notes),
        *(f"delete the predictions {version!r} of an earlier connection" for version in leftovers),
        *(f"set {key} from {body.get(key)!r} to {value!r}" for key, value in changes.items()),
        f"add the ML backend {BACKEND_TITLE!r} at {url}",
        f"add two webhooks to {url}/webhook with a secret of their own",
        f"add the Data Manager tab {TAB_TITLE!r}",
        rounds_text,
    )
    return ConnectPlan(project, policy, schema, steps, leftovers)


def connect(context: Context, plan: ConnectPlan) -> Project:
    """Carry out the plan; may be repeated after a failure and then goes on where it stopped."""
    number = plan.project.id
    server, settings = context.label_studio, context.settings
    _refuse_second_backend(server, settings, plan.project)
    with queue_lock(context.engine, settings.data_dir, number):
        with context.engine.begin() as connection:
            known = find_project(connection, number)
            if known is not None and _reads_otherwise(plan.project, known):
                forget_beginnings(connection, number)
            save_project(connection, plan.project)
        for version in plan.leftovers:
            # Rounds are counted from 1 again: their names would meet those of the old ones.
            remove_version(context, number, version)
        reconcile_all(context, plan.project)
        if plan.project.connected_at == FAR_FUTURE:
            _fix_beginning(context, number)
        changes = switch_queue(context, plan.project, "", run="connect")
        with reading(context.engine) as connection:
            project = get_project(connection, number)
        if "maximum_annotations" in changes:
            reconcile_all(context, project)
        backend_id = _add_backend(server, settings, project)
        webhook_id = replace_webhooks(context, project)
        view_id = _add_tab(server, number, plan)
        with context.engine.begin() as connection:
            set_project(
                connection,
                number,
                backend_id=backend_id,
                webhook_id=webhook_id,
                view_id=view_id,
            )
            for what, target in (
                ("add backend", backend_id),
                ("add webhook", webhook_id),
                ("add tab", view_id),
            ):
                log_write(connection, number, "connect", what, target)
            return get_project(connection, number)


def _reads_otherwise(now: Project, before: Project) -> bool:
    """Return whether config or policy, and with them the cleaned tag, may be others than before."""
    return (now.label_config, now.extra_params) != (before.label_config, before.extra_params)


def _leftovers(server: LabelStudio, number: int) -> tuple[str, ...]:
    """After `relabel forget`, a lost store, or in a copy of a connected project."""
    return tuple(v for v in server.model_versions(number) if v.startswith(VERSION_PREFIX))


def _refuse_second_backend(server: LabelStudio, settings: Settings, project: Project) -> None:
    """Two backends would open, close and score against each other."""
    strange = [
        backend
        for backend in server.backends(project.id)
        if backend.get("title") == BACKEND_TITLE and not _is_own(backend, settings, project)
    ]
    if strange:
        raise ConfigurationError(
            f"Project {project.id} is already connected to another backend at "
            f"{strange[0].get('url')}. Detach it there first "
            f"(relabel detach --project {project.id}), or, if that one is gone for good, delete "
            f"it in Label Studio under Settings, Model."
        )


def _is_own(backend: dict[str, Any], settings: Settings, project: Project) -> bool:
    """By address, or by id: this backend may have moved to another address."""
    return backend.get("url") == settings.public_url() or backend.get("id") == project.backend_id


def _fix_beginning(context: Context, number: int) -> None:
    """Everything read so far is initial; from Label Studio's own clock on, votes are new."""
    with context.engine.begin() as connection:
        newest = max((a.created_at for a in list_annotations(connection, number)), default="")
        set_project(connection, number, connected_at=newest)


def _add_backend(server: LabelStudio, settings: Settings, project: Project) -> int:
    mine = [b for b in server.backends(project.id) if _is_own(b, settings, project)]
    auth = settings.basic_auth()
    values: dict[str, Any] = {
        "project": project.id,
        "url": settings.public_url(),
        "title": BACKEND_TITLE,
        "is_interactive": False,
        "auth_method": "BASIC_AUTH" if auth else "NONE",
        "extra_params": project.extra_params or None,
    }
    if auth:
        values |= {"basic_auth_user": auth[0], "basic_auth_pass": auth[1]}
    if mine:
        server.update_backend(mine[0]["id"], values)
        return int(mine[0]["id"])
    try:
        return int(server.add_backend(values)["id"])
    except LabelStudioError as error:
        raise LabelStudioError(
            f"Label Studio could not connect to {settings.public_url()}: {error} "
            f"Is `relabel serve` running, is RELABEL_URL the address that Label Studio can reach, "
            f"and are SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false set on Label "
            f"Studio if that address is a private one?"
        ) from error


def _add_tab(server: LabelStudio, number: int, plan: ConnectPlan) -> int:
    for view in server.views(number):
        if is_own_tab(view, plan.project):
            return int(view["id"])
    data = tab(server.columns(number), plan.schema.image_key, queue=plan.policy.queue)
    return server.add_view(number, data)


def is_own_tab(view: dict[str, Any], project: Project) -> bool:
    """Return whether a Data Manager tab is this backend's, by id or by title."""
    title = str(view.get("data", {}).get("title", ""))
    return view["id"] == project.view_id or title.startswith(TAB_TITLE)
