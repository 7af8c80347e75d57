"""The doctor's checks of what is read: labelling config, policy, labels."""

from relabel.catalogue.options import options_of
from relabel.former_keys import renamed
from relabel.policy import Policy, parse_extra_params, read_policy_file
from relabel.service.books.accounts import newest_read, project_accounts
from relabel.service.books.unmatched import (
    missing_field,
    missing_source,
    missing_values,
    told_unknown,
)
from relabel.service.connected import check_cannot_tell, open_connected, policy_of
from relabel.service.context import Context
from relabel.service.doctor.findings import Finding
from relabel.service.queue.parts import NAMES, parts_of
from relabel.service.votes.task_states import read_answered_state
from relabel.storage.database import reading
from relabel.storage.projects import Project
from relabel.storage.rounds import list_rounds
from relabel.storage.tasks import list_splits

FEW = 10
"""Labels of a class below which a selector has little to learn from."""


def check_config(context: Context, project: Project) -> Finding:
    """Say which classes and which image the labelling config is read as."""
    connected = open_connected(context.settings, project)
    schema = connected.schema
    check_cannot_tell(connected.policy, schema)
    found = (
        f"{len(schema.classes)} classes in {schema.from_name!r}, image in "
        f"{schema.image_attribute}={schema.image!r}"
    )
    missing = (
        f'add required="true" to <Choices name="{schema.from_name}">: without it an empty submit '
        f"is accepted and counts as no vote"
    )
    texts = [found, *([] if schema.required else [missing]), *schema.notes]
    return Finding("labelling config", ok=schema.required, text="; ".join(texts))


def check_policy(context: Context, project: Project) -> Finding:
    """Name the keys that were set and do nothing beside the others, or have another name now."""
    policy = policy_of(context.settings, project.extra_params)
    said = read_policy_file(context.settings.policy_file) | parse_extra_params(project.extra_params)
    idle = {key: why for key, why in _without_effect(policy).items() if key in said}
    if idle:
        told = "; ".join(f"{key} = {said[key]!r} does nothing: {why}" for key, why in idle.items())
        return Finding("policy", ok=False, text=f"{told}. Take it out, or change the other key")
    keys = ", ".join(f"{key} = {value!r}" for key, value in said.items()) or "all keys as usual"
    return Finding("policy", ok=True, text="; ".join([keys, *renamed(said)]))


def check_labels(context: Context, project: Project) -> Finding:
    """See where labels come from, and name those that are no class."""
    with reading(context.engine) as connection:
        state = read_answered_state(connection, open_connected(context.settings, project))
    policy = state.policy
    labelled = int(state.counts.votes.any(1).sum())
    tasks = len(state.places.task_ids)
    text = f"{labelled:,} of {tasks:,} tasks have one (initial = {policy.initial!r})"
    missing = missing_source(context, project, policy)
    wrong = [part for part in (missing, told_unknown(state)) if part]
    if not labelled and not wrong:
        wrong = ["nothing can be learnt before people have labelled some"]
    return Finding("labels", ok=not wrong, text="; ".join([text, *wrong]))


def check_books(context: Context, project: Project) -> Finding:
    """Show what was read and what became of it; what is left out the other checks judge."""
    with reading(context.engine) as connection:
        state = read_answered_state(connection, open_connected(context.settings, project))
        rounds = list_rounds(connection, project.id)
    accounts = project_accounts(state, newest_read(rounds))
    return Finding("books", ok=True, text="\n".join(accounts.lines()))


def check_split(context: Context, project: Project) -> Finding:
    """See whether both parts are there, and large enough to learn from."""
    with reading(context.engine) as connection:
        state = read_answered_state(connection, open_connected(context.settings, project))
        there = set(list_splits(connection, project.id).values())
    policy = state.policy
    if not policy.split:
        return Finding("split", ok=True, text="none: all tasks are cleaned at once")
    missing = missing_field(context, project, policy) or missing_values(context, project, policy)
    if missing:
        return Finding("split", ok=False, text=f"{missing}; no round starts before that is set")
    said = read_policy_file(context.settings.policy_file) | parse_extra_params(project.extra_params)
    unused = [value for value in said.get("evaluation", ()) if value not in there]
    wrong = [f"no task has the value {value!r} of evaluation" for value in unused]
    found = []
    for part in parts_of(state):
        counts = part.counts.votes[part.mine()].sum(0)
        found.append(f"{NAMES[part.part]}: {int(part.mine().sum()):,} tasks")
        few = [n for n, c in zip(state.schema.classes, counts, strict=True) if c < FEW]
        if few:
            wrong.append(f"{NAMES[part.part]} has fewer than {FEW} labels of {', '.join(few)}")
    return Finding("split", ok=not wrong, text="; ".join([*found, *wrong]))


def _without_effect(policy: Policy) -> dict[str, str]:
    """Return the keys that do nothing beside what the others say, each with the reason."""
    options = options_of("selector", policy.selector)
    has_network = any(name in options for name in ("network", "of", "candidates"))
    reasons = {
        "warm_start": "" if has_network else f"selector {policy.selector!r} trains no network",
        "image_size": "" if has_network else f"selector {policy.selector!r} reads no pixels",
        "evaluation": "" if policy.split else "split names no field",
        "evaluation_budget": "" if policy.split else "split names no field",
        "encoder_weights": "encoder 'tiny' has none" if policy.encoder == "tiny" else "",
    }
    return {key: reason for key, reason in reasons.items() if reason}
