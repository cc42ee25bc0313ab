"""Alembic's entry: runs the migrations inside the transaction that nbdash has already begun."""

from __future__ import annotations

from alembic import context

from nbdash.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # true of SQLite too, since BEGIN IMMEDIATE is sent explicitly
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
