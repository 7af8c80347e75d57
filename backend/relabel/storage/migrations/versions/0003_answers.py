"""What old annotations said at the beginning, whose what they say is, and how skips are handled.

Of annotations that were changed after connecting only the change is known: it stays the initial
label. `editor` is what `updated_by` was where somebody else than the author changed an annotation
after making it; Label Studio also writes there who made it in the author's name.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CREATION_SECONDS = 0.1
"""So far apart may an annotation's two times be that was never changed."""


def upgrade() -> None:
    """Add the columns and fill them from what is known."""
    op.execute("ALTER TABLE annotations RENAME COLUMN updated_by TO editor")
    for name in ("initial_kind", "initial_choice", "initial_editor", "initial_at"):
        op.add_column("annotations", sa.Column(name, sa.String, nullable=False, server_default=""))
    op.add_column("projects", sa.Column("skip_queue", sa.String, nullable=False, server_default=""))
    annotations = sa.table(
        "annotations",
        *map(sa.column, ("project_id", "annotation_id", "annotator", "editor", "kind", "choice")),
        *map(sa.column, ("created_at", "updated_at")),
        sa.column("initial", sa.Boolean),
        *map(sa.column, ("initial_kind", "initial_choice", "initial_editor", "initial_at")),
    )
    connection = op.get_bind()
    found = connection.execute(sa.select(annotations).where(annotations.c.editor != "")).all()
    unchanged = [
        {"project": row.project_id, "number": row.annotation_id}
        for row in found
        if row.editor == row.annotator or not _changed_later(row.created_at, row.updated_at)
    ]
    if unchanged:
        connection.execute(
            annotations.update()
            .where(annotations.c.project_id == sa.bindparam("project"))
            .where(annotations.c.annotation_id == sa.bindparam("number"))
            .values(editor=""),
            unchanged,
        )
    connection.execute(
        annotations.update()
        .where(annotations.c.initial.is_(sa.true()))
        .values(
            initial_kind=annotations.c.kind,
            initial_choice=annotations.c.choice,
            initial_editor=annotations.c.editor,
            initial_at=annotations.c.updated_at,
        )
    )


def _changed_later(created_at: str, updated_at: str) -> bool:
    if not created_at or not updated_at:
        return False
    later = datetime.fromisoformat(updated_at) - datetime.fromisoformat(created_at)
    return later.total_seconds() > CREATION_SECONDS
