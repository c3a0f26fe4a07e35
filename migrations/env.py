"""Alembic's entry: runs the migrations over the connection that `botticelli db` hands in. Knows no URL of its own."""

from alembic import context

from botticelli.store.schema.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
