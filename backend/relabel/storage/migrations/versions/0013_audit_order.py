"""The audit is the start of a random order that follows from project and task: no mark is kept.

Which tasks rounds drew for the audit of before is forgotten: they were drawn among those that
nobody had been asked about, and are no start of that order.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the mark."""
    op.drop_column("tasks", "audit")
