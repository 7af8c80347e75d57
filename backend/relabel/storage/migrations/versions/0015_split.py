"""Which split a task belongs to: the evaluation split is cleaned first, apart from the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a task's split, and of a turn of the audit the part that was cleaned when it came."""
    for table, name in (("tasks", "split"), ("audit_turns", "part")):
        op.add_column(table, sa.Column(name, sa.String, nullable=False, server_default=""))
