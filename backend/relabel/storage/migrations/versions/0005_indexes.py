"""Indexes by which no look-up of the round in force or of a wish reads all that ever happened."""

from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("rounds_by_state", "rounds", ["project_id", "state", "number"])
    op.create_index("events_by_action", "events", ["project_id", "action"])
    op.create_index("writes_by_time", "writes", ["project_id", "at"])
