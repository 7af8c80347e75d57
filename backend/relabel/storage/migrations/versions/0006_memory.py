"""How much memory a round took, and how much there was: told when rounds are killed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("peak_memory", "machine_memory"):
        op.add_column("rounds", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
