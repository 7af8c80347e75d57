"""The journal says what is to be done: typed actions, who took them, and when projects were swept.

Before, the run that somebody wanted stopped or undone stood within the action ("UNDO round-2").
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and take the names of runs out of the actions."""
    op.add_column("events", sa.Column("run", sa.String, nullable=False, server_default=""))
    op.add_column("events", sa.Column("taken_at", sa.Float))
    for name in ("swept_at", "read_at"):
        op.add_column("projects", sa.Column(name, sa.Float, nullable=False, server_default="0"))
    events = sa.table("events", *map(sa.column, ("project_id", "action", "run", "handled_at")))
    for action in ("STOP", "UNDO"):
        op.execute(
            events.update()
            .where(events.c.action.startswith(f"{action} "))
            .values(action=action, run=sa.func.substr(events.c.action, len(action) + 2))
        )
    waits = sa.text("handled_at IS NULL")
    op.create_index(
        "events_waiting", "events", ["project_id"], sqlite_where=waits, postgresql_where=waits
    )
