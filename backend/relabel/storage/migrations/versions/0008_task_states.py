"""What the votes of each task say, counted once and not at every look.

Every task begins stale: the next sweep counts those of existing stores, chunk by chunk.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, with a row for each task."""
    numbers = ("revision", "state", "initial", "new", "abstains", "silent", "voters", "occupied")
    op.create_table(
        "task_states",
        *(
            sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)
            for name in ("project_id", "task_id", "decision")
        ),
        sa.Column("basis", sa.String, nullable=False, server_default=""),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in numbers),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="-1")
            for name in ("label", "given")
        ),
        sa.Column("counts", sa.LargeBinary, nullable=False, server_default=""),
        sa.Column("voted_at", sa.Float, nullable=False, server_default="0"),
        *(
            sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
            for name in ("skipped", "held")
        ),
        *(
            sa.Column(name, sa.Text, nullable=False, server_default="")
            for name in ("people", "answered")
        ),
    )
    op.execute(
        "INSERT INTO task_states (project_id, task_id, decision) "
        "SELECT project_id, task_id, 0 FROM tasks"
    )
