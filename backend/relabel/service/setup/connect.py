"""Connecting a project: all of it, or nothing."""

import logging
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from relabel.errors import ConfigurationError, LabelStudioError, NotReadyError, RelabelError
from relabel.labelstudio.contract import RESTORED, TAB_TITLE, settings_to_change, tab
from relabel.labelstudio.labels import LabelSchema
from relabel.policy import Policy
from relabel.service.books.unmatched import missing_field
from relabel.service.connected import Connected, check_cannot_tell, open_connected
from relabel.service.context import Context
from relabel.service.queue.cleanup import remove_version
from relabel.service.queue.notices import repair_notices
from relabel.service.queue.parts import in_force
from relabel.service.queue.refresh import switch_queue
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.setup.refusals import why_refused
from relabel.service.setup.rollback import Rollback
from relabel.service.setup.survey import Survey, survey_project
from relabel.service.sync.mirror import reconcile_all
from relabel.service.traces import (
    BACKEND_TITLE,
    Traces,
    find_traces,
    is_own,
    is_own_tab,
    own_versions,
    several,
)
from relabel.service.votes.task_states import read_queue_state
from relabel.service.webhooks import add_webhooks, own_webhooks
from relabel.settings import Settings
from relabel.storage.annotations import FAR_FUTURE, forget_beginnings, list_annotations
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.locks import queue_lock
from relabel.storage.projects import (
    CONNECTING,
    Project,
    find_project,
    get_project,
    reads_otherwise,
    save_project,
    set_project,
    token_digest,
)
from relabel.storage.writes import log_write
from relabel.types import Progress, silent

log = logging.getLogger("relabel.connect")


@dataclass(frozen=True, slots=True)
class ConnectPlan:
    """What connecting will do; nothing has been written yet.

    leftovers: model versions of an earlier connection that this store knows nothing of; survey:
    what was read, None where the project is connected already.
    """

    project: Project
    policy: Policy
    schema: LabelSchema
    steps: tuple[str, ...]
    leftovers: tuple[str, ...] = ()
    survey: Survey | None = None


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
    project = _project_of(body, known, params)
    connected = open_connected(context.settings, project)
    policy, schema = connected.policy, connected.schema
    check_cannot_tell(policy, schema)
    missing = missing_field(context, project, policy)
    if missing:
        raise ConfigurationError(f"{missing}. Name one of these as split, or none.")
    # Of a connected project the books are known, and work goes on with what is of use.
    survey = None if known else survey_project(context, connected)
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
    # After `relabel forget`, a lost store, or in a copy of a connected project.
    leftovers = () if known else own_versions(context, number)
    steps = (
        tasks_text,
        *(f"remember that {note}" for note in schema.notes),
        *(f"delete the predictions {version!r} of an earlier connection" for version in leftovers),
        *(f"set {key} from {body.get(key)!r} to {value!r}" for key, value in changes.items()),
        *_steps_there(url, find_traces(context, project)),
        rounds_text,
    )
    return ConnectPlan(project, policy, schema, steps, leftovers, survey)


def _project_of(body: Mapping[str, Any], known: Project | None, params: str) -> Project:
    return Project(
        id=int(body["id"]),
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


def _steps_there(url: str, traces: Traces) -> Iterator[str]:
    """Yield what will be added to Label Studio, changed there, or left as it is."""
    at = next((str(body.get("url")) for body in traces.backends.values()), "")
    if not at:
        yield f"add the ML backend {BACKEND_TITLE!r} at {url}"
    elif at == url:
        yield f"keep the ML backend at {url}"
    else:
        yield f"move the ML backend from {at} to {url} (RELABEL_URL)"
    instead = f" instead of {several(len(traces.webhooks), 'webhook')}" if traces.webhooks else ""
    yield f"add two webhooks to {url}/webhook with a secret of their own{instead}"
    yield (
        f"keep the tab {TAB_TITLE!r}" if traces.tabs else f"add the Data Manager tab {TAB_TITLE!r}"
    )


def connect(context: Context, plan: ConnectPlan, *, progress: Progress = silent) -> Project:
    """Carry out the plan; what fails is taken back, and a connection from before goes on.

    Args:
        context: settings, store and Label Studio.
        plan: of `plan_connect`.
        progress: told what is being done.

    Raises:
        ConfigurationError: the project is connected to another backend.
        LabelStudioError: names one cause with its remedy, and what is left if Label Studio has
            gone away.
        NotReadyError: it was interrupted, or something else was in the way.

    """
    number = plan.project.id
    _refuse_second_backend(context, plan.project)
    with queue_lock(context.engine, context.settings.data_dir, number):
        with reading(context.engine) as connection:
            known = find_project(connection, number)
        plan = _up_to_date(plan, known)
        rollback = Rollback(context, plan.project, known)
        try:
            project, hooks = _connect(context, plan, rollback, progress)
        except BaseException as error:
            outcome = rollback.outcome(rollback.take_back())
            cause = _cause(error, context.settings)
            if not cause:
                raise
            kind = LabelStudioError if isinstance(error, LabelStudioError) else NotReadyError
            raise kind(f"Project {number} was not connected: {cause} {outcome}") from error
        _tidy(context, project, {*hooks}, rollback.earlier)
    return project


def _up_to_date(plan: ConnectPlan, known: Project | None) -> ConnectPlan:
    """Take over what happened to the project since the plan was made."""
    number = plan.project.id
    if known is not None:
        owned = {name: getattr(plan.project, name) for name in CONNECTING}
        return replace(plan, project=replace(known, **owned), leftovers=())
    if plan.survey is None:
        raise NotReadyError(
            f"Project {number} was detached since it was read. Nothing was written; to connect "
            f"it anew, run: relabel connect --project {number}"
        )
    return plan


def _connect(
    context: Context, plan: ConnectPlan, rollback: Rollback, progress: Progress
) -> tuple[Project, list[int]]:
    number = plan.project.id
    with context.engine.begin() as connection:
        known = find_project(connection, number)
        if known is not None and reads_otherwise(plan.project, known):
            forget_beginnings(connection, number)
        save_project(connection, plan.project)
    for version in plan.leftovers:
        progress("removing old predictions", 0, 1)
        # Rounds are counted from 1 again: their names would meet those of the old ones.
        remove_version(context, number, version)
    progress("reading tasks", 0, 1)
    connected = Connected(plan.project, plan.policy, plan.schema)
    reconcile_all(context, connected)
    if plan.project.connected_at == FAR_FUTURE:
        _fix_beginning(context, number)
    progress("setting the queue up", 0, 1)
    rollback.begin("the settings")
    changes = switch_queue(context, connected, "", run="connect")
    with reading(context.engine) as connection:
        project = get_project(connection, number)
    if "maximum_annotations" in changes:
        reconcile_all(context, connected.now(project))
    rollback.begin("the webhooks")
    token = secrets.token_urlsafe(32)
    hooks = add_webhooks(context, project, token)
    rollback.begin("the tab")
    view_id = _add_tab(context, plan)
    # Last, since Label Studio tries it out: from then on the new connection stands.
    rollback.begin("the ML backend")
    written = {
        "backend_id": _add_backend(context, project),
        "webhook_id": hooks[0],
        "view_id": view_id,
    }
    with context.engine.begin() as connection:
        set_project(connection, number, webhook_digest=token_digest(token), **written)
        for what, target in written.items():
            log_write(connection, number, "connect", f"add {what.removesuffix('_id')}", target)
        journal(connection, number, Action.CONNECTED)
        return get_project(connection, number), hooks


def _cause(error: BaseException, settings: Settings) -> str:
    """Return why connecting failed, as one sentence; "" = a defect, told by its traceback."""
    if isinstance(error, LabelStudioError):
        text = why_refused(error, settings)
    elif isinstance(error, KeyboardInterrupt):
        text = "it was interrupted."
    else:
        text = str(error) if isinstance(error, RelabelError) else ""
    return text if not text or text.endswith((".", "?")) else f"{text}."


def _refuse_second_backend(context: Context, project: Project) -> None:
    """Two backends would open, close and score against each other."""
    strange = [
        backend
        for backend in context.label_studio.backends(project.id)
        if backend.get("title") == BACKEND_TITLE and not is_own(context, backend, project)
    ]
    if strange:
        raise ConfigurationError(
            f"Project {project.id} is already connected to another backend at "
            f"{strange[0].get('url')}. Detach it there first "
            f"(relabel detach --project {project.id}), or, if that one is gone for good, delete "
            f"it in Label Studio under Settings, Model."
        )


def _fix_beginning(context: Context, number: int) -> None:
    """Everything read so far is initial; from Label Studio's own clock on, votes are new."""
    with context.engine.begin() as connection:
        newest = max((a.created_at for a in list_annotations(connection, number)), default="")
        set_project(connection, number, connected_at=newest)


def _add_backend(context: Context, project: Project) -> int:
    server, settings = context.label_studio, context.settings
    mine = [b for b in server.backends(project.id) if is_own(context, b, project)]
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
    return int(server.add_backend(values)["id"])


def _add_tab(context: Context, plan: ConnectPlan) -> int:
    server, number = context.label_studio, plan.project.id
    for view in server.views(number):
        if is_own_tab(view, plan.project):
            return int(view["id"])
    columns = server.columns(number)
    return server.add_view(number, tab(columns, plan.schema.image_key, queue=plan.policy.queue))


def _tidy(context: Context, project: Project, hooks: set[int], earlier: Traces) -> None:
    """Do what the connection that stands now can do without, should Label Studio go away."""
    try:
        # Those of the connection before, and the one that Label Studio makes for a backend: that
        # proves nothing, and sends everything with every event.
        own = {int(hook["id"]) for hook in own_webhooks(context, project)}
        for webhook_id in (own | set(earlier.webhooks)) - hooks:
            context.label_studio.delete_webhook(webhook_id)
        with reading(context.engine) as connection:
            state = in_force(
                read_queue_state(connection, open_connected(context.settings, project))
            )
        repair_notices(context, state, stop_reason(state))
    except LabelStudioError as error:
        log.warning("project %s: %s What is left does no harm.", project.id, error)
