"""The model's evidence beside people's votes: of each voted task, and the rates of each round.

Rows of task_states are counted anew by the next sweep: they stand on another basis.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two tables and a column."""
    op.create_table(
        "evidence",
        *(
            sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)
            for name in ("project_id", "task_id")
        ),
        sa.Column("round_id", sa.Integer, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("prior", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rates",
        *(
            sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)
            for name in ("project_id", "round_id")
        ),
        sa.Column("believed", sa.JSON, nullable=False),
    )
    op.add_column(
        "task_states", sa.Column("believed", sa.LargeBinary, nullable=False, server_default="")
    )
