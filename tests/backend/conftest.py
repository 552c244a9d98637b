"""The backend in tests: real SQLite and real PostgreSQL, a real server on loopback, real HTTP."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from fellesskap_backend import db
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.backend import event_models
from tests.backend.api import Api
from tests.backend.lives import Lives
from tests.backend.postgres import ROLE, Postgres, for_servers
from tests.memory import in_memory

ROOM_MIB = 6_000
"""What the clusters of several tests at once take at most."""
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster with a migrated database as template, at which the server's role may work."""
    with tempfile.TemporaryDirectory(prefix="fsk-pg-", dir=in_memory(ROOM_MIB)) as folder:
        cluster = Postgres(Path(folder))
        try:
            made = db.engine(Settings(database_url=cluster.create("migrated")))
            upgrade(made)
            for_servers(cluster.url("migrated"))
            made.dispose()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database of SQLite, to be copied."""
    made = Settings(state=tmp_path_factory.mktemp("migrated"))
    engine = db.engine(made)
    upgrade(engine)
    engine.dispose()
    return _file_of(made)


def _file_of(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


@pytest.fixture(params=DATABASES)
def owned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of whoever owns an empty database of its own, and so may migrate it."""
    if request.param == "sqlite":
        made = Settings(state=tmp_path)
        shutil.copyfile(request.getfixturevalue("migrated"), _file_of(made))
        yield made
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    name = f"t{next(_numbers)}"
    yield Settings(state=tmp_path, database_url=cluster.create(name, "migrated"))
    cluster.drop(name)


@pytest.fixture
def settings(owned: Settings) -> Settings:
    """Settings of a server at that database: on PostgreSQL as a role that owns nothing."""
    url = owned.database_url.replace("postgres@", f"{ROLE}@")
    return owned.model_copy(update={"database_url": url})


@pytest.fixture
def api(settings: Settings) -> Iterator[Api]:
    """A server with one locker of three doors, `oslo-1`; what was told there is told right."""
    house = Api(settings)
    try:
        house.locker("oslo-1", doors=3)
        yield house
        event_models.hold_all(house.engine, house.secrets.k_codes)
    finally:
        house.stop()


@pytest.fixture
def house(api: Api) -> Lives:
    """That server's locker by hand, commissioned and heard, with one carrier and one operator."""
    return Lives(api)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """The engine of whoever works for all, without a server."""
    made = db.engine(settings)
    yield made
    made.dispose()
