"""New votes per class of each task, beside all of them: the audit hears new people alone.

Rows of before are counted anew by the next sweep: they stand on another basis.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("new_counts", sa.LargeBinary, nullable=False, server_default="")
    op.add_column("task_states", column)
