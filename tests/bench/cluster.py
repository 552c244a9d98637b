"""An installation on PostgreSQL for the bench: a cluster on disk, fsync on, one server process.

Load, broker, server and PostgreSQL share the machine's two cores. The server offers one process
for API, bridge and worker, so that there is one worker where the budget speaks of two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from fellesskap_backend import db
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.backend.postgres import Postgres, for_servers
from tests.system.brokers import Broker
from tests.system.house import Installation, installation

DATABASE, LIMIT = "bench", "limit_of_it"


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL with the database of an installation."""

    postgres: Postgres
    settings: Settings
    root: Path

    def connect(self, database: str = DATABASE) -> "psycopg.Connection[Any]":
        """Connect as the owner."""
        return psycopg.connect(self.dsn(database), autocommit=True)

    def dsn(self, database: str = DATABASE) -> str:
        """Return what libpq connects to."""
        return f"host={self.postgres.socket} user=postgres dbname={database}"

    def count(self, query: str) -> int:
        """Return the one number that a query finds."""
        with self.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def empty_copy(self) -> None:
        """Make a database with the same tables and nothing in them: `LIMIT`."""
        made = Settings(state=self.root, database_url=self.postgres.create(LIMIT))
        engine = db.engine(made)
        upgrade(engine)
        engine.dispose()

    @contextmanager
    def house(self, broker: Broker | None = None) -> Iterator[Installation]:
        """Run the server as a role that owns nothing; `broker`: on one that is not its own."""
        env = {"FELLESSKAP_DATABASE_URL": for_servers(self.settings.database_url)}
        if broker is not None:
            env["FELLESSKAP_BROKER_URL"] = broker.url("backend")
        with installation(self.root, env) as house:
            yield house


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Make a cluster for the length of a `with`; the database is migrated by who fills it."""
    (folder / "postgres").mkdir()
    folder.chmod(0o755)  # the server is another user
    postgres = Postgres(folder / "postgres")
    try:
        root = folder / "house"
        url = postgres.create(DATABASE)
        yield Cluster(postgres, Settings(state=root / "backend", database_url=url), root)
    finally:
        postgres.stop()
