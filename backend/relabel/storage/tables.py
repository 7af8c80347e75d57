"""The tables of the store. Label Studio's times are ISO strings in UTC, own times Unix seconds.

Annotations are a mirror of Label Studio's; votes are derived from them. What the votes of a
task say stands in task_states, which can be made anew of the annotations at any time.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("created_at", String, nullable=False),
    Column("title", String, nullable=False, default=""),
    Column("label_config", Text, nullable=False, default=""),
    Column("extra_params", Text, nullable=False, default=""),
    Column("connected_at", String, nullable=False),
    Column("before", JSON, nullable=False),
    Column("backend_id", Integer),
    Column("webhook_id", Integer),
    Column("view_id", Integer),
    Column("high_water", String, nullable=False, default=""),
    Column("train_requested", Boolean, nullable=False, default=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("note", Text, nullable=False, default=""),
    Column("webhook_digest", String, nullable=False, default=""),
    Column("skip_queue", String, nullable=False, default=""),
    Column("swept_at", Float, nullable=False, default=0.0),
    Column("read_at", Float, nullable=False, default=0.0),
    Column("audit_until", JSON, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("task_id", Integer, primary_key=True),
    Column("image", Text, nullable=False, default=""),
    Column("overlap", Integer, nullable=False, default=1),
    Column("is_labeled", Boolean, nullable=False, default=False),
    Column("updated_at", String, nullable=False, default=""),
    Column("overlap_before", Integer, nullable=False, default=1),
    Column("is_labeled_before", Boolean, nullable=False, default=False),
    Column("touched", Boolean, nullable=False, default=False),
    Column("given", String, nullable=False, default=""),
    Column("score", Float),
    Column("problem", Text, nullable=False, default=""),
    Column("split", String, nullable=False, default=""),
)

annotations = Table(
    "annotations",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("annotation_id", Integer, primary_key=True),
    Column("task_id", Integer, nullable=False),
    Column("annotator", String, nullable=False, default=""),
    Column("kind", String, nullable=False),
    Column("choice", String, nullable=False, default=""),
    Column("created_at", String, nullable=False, default=""),
    Column("updated_at", String, nullable=False, default=""),
    Column("editor", String, nullable=False, default=""),
    Column("initial", Boolean, nullable=False, default=False),
    Column("initial_kind", String, nullable=False, default=""),
    Column("initial_choice", String, nullable=False, default=""),
    Column("initial_editor", String, nullable=False, default=""),
    Column("initial_at", String, nullable=False, default=""),
    Column("deleted", Boolean, nullable=False, default=False),
    Column("received_at", Float, nullable=False),
    Index("annotations_by_task", "project_id", "task_id"),
)

task_states = Table(
    "task_states",
    metadata,
    Column("project_id", Integer, primary_key=True),
    Column("task_id", Integer, primary_key=True),
    Column("decision", Integer, primary_key=True, default=0),
    Column("basis", String, nullable=False, default=""),
    Column("revision", Integer, nullable=False, default=0),
    Column("state", Integer, nullable=False, default=0),
    Column("label", Integer, nullable=False, default=-1),
    Column("given", Integer, nullable=False, default=-1),
    Column("counts", LargeBinary, nullable=False, default=b""),
    Column("initial", Integer, nullable=False, default=0),
    Column("new", Integer, nullable=False, default=0),
    Column("abstains", Integer, nullable=False, default=0),
    Column("silent", Integer, nullable=False, default=0),
    Column("voters", Integer, nullable=False, default=0),
    Column("voted_at", Float, nullable=False, default=0.0),
    Column("occupied", Integer, nullable=False, default=0),
    Column("skipped", Boolean, nullable=False, default=False),
    Column("held", Boolean, nullable=False, default=False),
    Column("people", Text, nullable=False, default=""),
    Column("answered", Text, nullable=False, default=""),
    Column("said", Text, nullable=False, default=""),
    Column("asked_at", Float),
    Column("overwritten", Integer, nullable=False, default=0),
    Column("new_counts", LargeBinary, nullable=False, default=b""),
    Column("believed", LargeBinary, nullable=False, default=b""),
)

evidence = Table(
    "evidence",
    metadata,
    Column("project_id", Integer, primary_key=True, autoincrement=False),
    Column("task_id", Integer, primary_key=True, autoincrement=False),
    Column("round_id", Integer, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("prior", LargeBinary, nullable=False),
)

audit_turns = Table(
    "audit_turns",
    metadata,
    Column("project_id", Integer, primary_key=True, autoincrement=False),
    Column("task_id", Integer, primary_key=True, autoincrement=False),
    Column("part", String, nullable=False, default=""),
    Column("doubt", Float, nullable=False),
    Column("rest", Float, nullable=False),
    Column("pool", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("changed", Boolean),
)

rates = Table(
    "rates",
    metadata,
    Column("project_id", Integer, primary_key=True, autoincrement=False),
    Column("round_id", Integer, primary_key=True, autoincrement=False),
    Column("believed", JSON, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project_id", Integer, nullable=False),
    Column("action", String, nullable=False),
    Column("run", String, nullable=False, default=""),
    Column("task_id", Integer),
    Column("received_at", Float, nullable=False),
    Column("taken_at", Float),
    Column("handled_at", Float),
    Index("events_to_handle", "project_id", "handled_at"),
    Index("events_by_action", "project_id", "action"),
    # Of those not handled alone, as the step of the schema that makes it says, and so small however
    # long the journal is: an idle worker looks through it every two seconds. To say so here would
    # load the dialects of both stores with every start.
    Index("events_waiting", "project_id"),
)

writes = Table(
    "writes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project_id", Integer, nullable=False),
    Column("run", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("what", String, nullable=False),
    Column("target", String, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index("writes_by_run", "project_id", "run"),
    Index("writes_by_time", "project_id", "at"),
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("votes", Integer, nullable=False, default=0),
    Column("started_at", Float, nullable=False),
    Column("heartbeat_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("host", String, nullable=False, default=""),
    Column("pid", Integer, nullable=False, default=0),
    Column("stage", String, nullable=False, default=""),
    Column("stage_started_at", Float, nullable=False, default=0.0),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    Column("artifact", String, nullable=False, default=""),
    Column("record", JSON, nullable=False),
    Column("error", Text, nullable=False, default=""),
    Column("peak_memory", BigInteger, nullable=False, default=0),
    Column("machine_memory", BigInteger, nullable=False, default=0),
    Index("rounds_by_project", "project_id", "number"),
    Index("rounds_by_state", "project_id", "state", "number"),
)
