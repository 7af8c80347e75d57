"""What every project stands on: one list for the doctor, /health, the dashboard and the metrics.

Each part has a check. Those of `IN_STORE` read a few rows, and a web process may call them while it
answers; those of `BEYOND` ask other machines or load torch: the doctor calls them, and for others
they stand in the list as not looked at.
"""

from collections.abc import Callable

import httpx
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from relabel.errors import ConfigurationError, LabelStudioError, RelabelError
from relabel.labelstudio.client import is_personal_token
from relabel.media.image.references import OwnAddresses, set_alias
from relabel.policy import Policy
from relabel.service.connected import policy_of
from relabel.service.context import Context
from relabel.service.doctor.findings import Finding
from relabel.service.doctor.plugins import check_plugins
from relabel.service.doctor.weights import examine_weights
from relabel.storage.database import clock, reading
from relabel.storage.journal.events import oldest_unhandled
from relabel.storage.projects import list_projects
from relabel.storage.tasks import count_tasks

TESTED_VERSIONS = ("1.21.", "1.22.", "1.23.")
LATE_SECONDS = 600.0
"""An event that has waited longer was forgotten by everybody: an idle worker takes it at once."""
USUAL = 10_000
"""Tasks of a project that there is not yet."""
UNSEEN = "not looked at here; run: relabel doctor"


def examine_server(context: Context) -> list[Finding]:
    """Check everything that all projects stand on; every check runs even if others fail."""
    return examine_store(context.engine) + [
        caught(name, lambda check=check: check(context))  # type: ignore[misc]
        for name, check in BEYOND.items()
    ]


def examine_store(engine: Engine) -> list[Finding]:
    """Check what the store can tell by itself, in milliseconds."""
    return [caught(name, lambda check=check: check(engine)) for name, check in IN_STORE.items()]  # type: ignore[misc]


def seen_from(engine: Engine) -> list[Finding]:
    """Return the whole list as a web process sees it: what it cannot look at has no verdict."""
    return examine_store(engine) + [Finding(name, ok=None, text=UNSEEN) for name in BEYOND]


def caught(name: str, check: Callable[[], Finding]) -> Finding:
    """Return what a check finds, or the error that kept it from looking."""
    try:
        return check()
    except RelabelError as error:
        return Finding(name, ok=False, text=str(error))


def check_store(engine: Engine) -> Finding:
    """See whether the store can be read."""
    try:
        with reading(engine) as connection:
            number = len(list_projects(connection))
    except SQLAlchemyError as error:
        return _unreadable("store", error)
    text = f"{engine.dialect.name}, {number} connected project{'' if number == 1 else 's'}"
    return Finding("store", ok=True, text=text)


def check_journal(engine: Engine) -> Finding:
    """See whether somebody carries out what the journal holds."""
    try:
        with reading(engine) as connection:
            waiting, since = oldest_unhandled(connection)
            seconds = clock(connection) - since
    except SQLAlchemyError as error:
        return _unreadable("journal", error)
    if not waiting:
        return Finding("journal", ok=True, text="everything is carried out")
    text = f"{waiting:,} waiting, the oldest for {seconds:,.0f} s"
    if seconds <= LATE_SECONDS:
        return Finding("journal", ok=True, text=text)
    remedy = "does a worker run (relabel serve, or relabel worker), and does Label Studio answer?"
    return Finding("journal", ok=False, text=f"{text}: {remedy}")


def check_label_studio(context: Context) -> Finding:
    """Say which Label Studio answers at its address."""
    version = context.label_studio.version()
    tested = ", ".join(f"{minor}x" for minor in TESTED_VERSIONS)
    note = "" if version.startswith(TESTED_VERSIONS) else f"; tested with {tested}"
    text = f"{context.label_studio.url}, {version}{note}{_other_name(context)}"
    return Finding("label studio", ok=True, text=text)


def check_token(context: Context) -> Finding:
    """Say whose token it is."""
    user = context.label_studio.whoami()
    kind = (
        "personal access token" if is_personal_token(context.settings.api_key()) else "legacy token"
    )
    return Finding("token", ok=True, text=f"{kind} of {user.get('email', 'unknown')}")


def check_device(context: Context) -> Finding:
    """Embed and train a little on the device of the rounds, and say what its speed means."""
    asked = context.settings.device
    tried = context.trial(asked)
    called = ", ".join(dict.fromkeys([asked, tried.device, tried.name]))
    with reading(context.engine) as connection:
        sizes = {one.id: count_tasks(connection, one.id) for one in list_projects(connection)}
    largest = max(sizes, key=lambda number: sizes[number], default=None)
    tasks = USUAL if largest is None else sizes[largest]
    whose = "tasks" if largest is None else f"tasks of project {largest}"
    text = (
        f"{called}: it embeds and trains. A small network on pixels takes in "
        f"{tried.images_per_second:,.0f} images a second: about {_span(tried.seconds(tasks))} in a "
        f"round of the {tasks:,} {whose}; linear, which trains on vectors, takes a fraction of that"
    )
    return Finding("device", ok=True, text=text)


def check_encoders(context: Context) -> Finding:
    """See whether the weights of every encoder in use can be had here."""
    found = [examine_weights(policy, context.hub) for policy in _encoding(context)]
    told = [one for one in found if not one.ok] or found
    text = "; ".join(one.text for one in told)
    return Finding("encoder", ok=all(one.ok for one in found), text=text)


def _encoding(context: Context) -> list[Policy]:
    """Return a policy for each encoder in use: the deployment's as long as no project has one."""
    with reading(context.engine) as connection:
        params = [project.extra_params for project in list_projects(connection)]
    policies = {}
    for text in params or [""]:
        try:
            policy = policy_of(context.settings, text)
        except ConfigurationError:
            if not params:
                raise
            continue  # the checks of its project say so
        policies[policy.encoder, policy.encoder_weights] = policy
    return list(policies.values())


def _span(seconds: float) -> str:
    """Return a time as people say it."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{max(1, seconds):.0f} s"


def _other_name(context: Context) -> str:
    """Return what Label Studio calls itself, if that is no address that is known as its own."""
    own = OwnAddresses.of(context.label_studio.url, context.settings.label_studio_aliases)
    try:
        name = context.label_studio.own_name()
        known = own.path_of(f"{name}/") is not None
    except (LabelStudioError, httpx.InvalidURL, ValueError):
        return ""  # an older one, which does not say
    return (
        "" if known else f"; it calls itself {name}: for links of that kind set {set_alias(name)}"
    )


def _unreadable(check: str, error: SQLAlchemyError) -> Finding:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return Finding(check, ok=False, text=f"the store cannot be read: {reason}")


IN_STORE: dict[str, Callable[[Engine], Finding]] = {
    "store": check_store,
    "journal": check_journal,
}
BEYOND: dict[str, Callable[[Context], Finding]] = {
    "label studio": check_label_studio,
    "token": check_token,
    "device": check_device,
    "encoder": check_encoders,
    "plug-ins": lambda _context: check_plugins(),
}
