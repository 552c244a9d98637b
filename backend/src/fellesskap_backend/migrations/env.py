"""Alembic's entry: it runs on the connection that it is given, or on one of a given engine."""

from contextlib import nullcontext

from alembic import context
from sqlalchemy import Engine

from fellesskap_backend.schema import metadata

given = context.config.attributes["connection"]
with given.begin() if isinstance(given, Engine) else nullcontext(given) as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,  # SQLite too: `db` begins its transactions itself
    )
    context.run_migrations()
