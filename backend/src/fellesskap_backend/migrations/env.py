"""Alembic's entry: it runs on the connection that `upgrade` gives it, never on one of its own."""

from alembic import context

from fellesskap_backend.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite too: `db` begins its transactions itself
)
context.run_migrations()
