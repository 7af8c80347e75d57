"""What proves that a webhook is ours; empty for projects connected before."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    column = sa.Column("webhook_digest", sa.String, nullable=False, server_default="")
    op.add_column("projects", column)
