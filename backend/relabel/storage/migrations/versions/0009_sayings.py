"""What was said of each task, beside what was counted of it, so that no page reads all annotations.

Rows of before are counted anew by the next sweep: they stand on another basis.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for column in (
        sa.Column("said", sa.Text, nullable=False, server_default=""),
        sa.Column("asked_at", sa.Float),
        sa.Column("overwritten", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("task_states", column)
