"""How many turns of the audit are to come at least, by part, since somebody asked for them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has asked for any yet."""
    op.add_column(
        "projects", sa.Column("audit_until", sa.JSON, nullable=False, server_default="{}")
    )
