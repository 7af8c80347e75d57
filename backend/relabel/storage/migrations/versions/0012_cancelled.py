"""A round that somebody ended is called cancelled: "stop" is left to the end of relabelling."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WORDS = (
    ("rounds", "state", "stopped", "cancelled"),
    ("events", "action", "STOP", "CANCEL"),
    ("events", "action", "ROUND_STOPPED", "ROUND_CANCELLED"),
)


def upgrade() -> None:
    """Write the new words in place of the old ones."""
    for table, column, old, new in WORDS:
        rows = sa.table(table, sa.column(column))
        op.execute(rows.update().where(rows.c[column] == old).values({column: new}))
