"""The backend in tests: real SQLite and real PostgreSQL, a real server on loopback, real HTTP."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fellesskap_backend import db
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.backend.api import Api
from tests.backend.postgres import Postgres

DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster with a migrated database as template."""
    with tempfile.TemporaryDirectory(prefix="fsk-pg-") as folder:
        cluster = Postgres(Path(folder))
        try:
            made = db.engine(Settings(database_url=cluster.create("migrated")))
            upgrade(made)
            made.dispose()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an installation with an empty database of its own."""
    if request.param == "sqlite":
        return Settings(state=tmp_path)
    cluster: Postgres = request.getfixturevalue("postgres")
    return Settings(state=tmp_path, database_url=cluster.create(f"t{next(_numbers)}", "migrated"))


@pytest.fixture
def api(settings: Settings) -> Iterator[Api]:
    """A server with one locker of three doors, `oslo-1`."""
    house = Api(settings)
    try:
        house.locker("oslo-1", doors=3)
        yield house
    finally:
        house.stop()
