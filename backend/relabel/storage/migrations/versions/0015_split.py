"""Which split a task belongs to: the evaluation split is cleaned first, apart from the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("split", sa.String, nullable=False, server_default="")
    op.add_column("tasks", column)
