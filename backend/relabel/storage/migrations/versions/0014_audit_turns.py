"""What was known of each audited task when its turn came.

Of tasks whose turn came before this step it is not known any more: the audit alone speaks for them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "audit_turns",
        *(
            sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)
            for name in ("project_id", "task_id")
        ),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("doubt", "rest")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("pool", "found")),
        sa.Column("changed", sa.Boolean),
    )
