"""Alembic runs inside the application, on the connection it is handed."""

from __future__ import annotations

from alembic import context

from tagger.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
