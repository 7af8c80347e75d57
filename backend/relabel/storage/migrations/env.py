"""Alembic's entry point; the caller hands over an open connection in its transaction."""

from alembic import context

from relabel.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
