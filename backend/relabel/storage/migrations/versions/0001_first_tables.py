"""First tables: projects, tasks, annotations, events, rounds, writes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the six tables."""
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("label_config", sa.Text, nullable=False),
        sa.Column("extra_params", sa.Text, nullable=False),
        sa.Column("connected_at", sa.String, nullable=False),
        sa.Column("before", sa.JSON, nullable=False),
        sa.Column("backend_id", sa.Integer),
        sa.Column("webhook_id", sa.Integer),
        sa.Column("view_id", sa.Integer),
        sa.Column("high_water", sa.String, nullable=False),
        sa.Column("train_requested", sa.Boolean, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "tasks",
        sa.Column("project_id", sa.Integer, primary_key=True),
        sa.Column("task_id", sa.Integer, primary_key=True),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("overlap", sa.Integer, nullable=False),
        sa.Column("is_labeled", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.String, nullable=False),
        sa.Column("overlap_before", sa.Integer, nullable=False),
        sa.Column("is_labeled_before", sa.Boolean, nullable=False),
        sa.Column("touched", sa.Boolean, nullable=False),
        sa.Column("given", sa.String, nullable=False),
        sa.Column("audit", sa.Boolean, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("problem", sa.Text, nullable=False),
    )
    op.create_table(
        "annotations",
        sa.Column("project_id", sa.Integer, primary_key=True),
        sa.Column("annotation_id", sa.Integer, primary_key=True),
        sa.Column("task_id", sa.Integer, nullable=False),
        sa.Column("annotator", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("choice", sa.String, nullable=False),
        sa.Column("created_at", sa.String, nullable=False),
        sa.Column("updated_at", sa.String, nullable=False),
        sa.Column("updated_by", sa.String, nullable=False),
        sa.Column("initial", sa.Boolean, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
    )
    op.create_index("annotations_by_task", "annotations", ["project_id", "task_id"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("task_id", sa.Integer),
        sa.Column("received_at", sa.Float, nullable=False),
        sa.Column("handled_at", sa.Float),
    )
    op.create_index("events_to_handle", "events", ["project_id", "handled_at"])
    op.create_table(
        "rounds",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("policy", sa.JSON, nullable=False),
        sa.Column("votes", sa.Integer, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("heartbeat_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("stage_started_at", sa.Float, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("artifact", sa.String, nullable=False),
        sa.Column("record", sa.JSON, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("rounds_by_project", "rounds", ["project_id", "number"])
    op.create_table(
        "writes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
    )
    op.create_index("writes_by_run", "writes", ["project_id", "run"])


def downgrade() -> None:
    """Drop them."""
    for table in ("writes", "rounds", "events", "annotations", "tasks", "projects"):
        op.drop_table(table)
