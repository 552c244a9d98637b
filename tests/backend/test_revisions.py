"""From every revision to every next one and back, with rows in every table, on both databases."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_alembic.tests as usual
from pytest_alembic.config import Config
from pytest_alembic.runner import MigrationContext, runner
from sqlalchemy import Engine

from fellesskap_backend import db, migrations
from fellesskap_backend.settings import Settings
from tests.backend.postgres import Postgres
from tests.backend.seeding import counted, seed, shape
from tests.system.house import BIN

FORGOTTEN = {
    "0005": frozenset({"api_keys"}),
    "0008": frozenset({"deliveries", "webhook_subscriptions"}),
}
"""Tables of which the way down to a revision leaves rows out: keys that would become wide, tests
of endpoints, and endpoints that were deleted or whose secret stood in no row."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine of an empty database."""
    url = ""
    if request.param == "postgresql":
        cluster: Postgres = request.getfixturevalue("postgres")
        url = cluster.create(f"bare_{tmp_path.name}")
    made = db.engine(Settings(state=tmp_path, database_url=url))
    yield made.execution_options(writing=True)
    made.dispose()


@pytest.fixture
def walk(engine: Engine) -> Iterator[MigrationContext]:
    """The history of revisions on that database."""
    where = str(Path(migrations.__file__).parent)
    with runner(Config({"script_location": where}), engine) as context:
        yield context


def test_history_has_one_head_and_is_walked_to_it(walk: MigrationContext) -> None:
    usual.test_single_head_revision(walk)
    usual.test_upgrade(walk)


def test_empty_database_is_walked_up_down_and_up(walk: MigrationContext) -> None:
    usual.test_up_down_consistency(walk)


@pytest.mark.slow
def test_rows_of_every_revision_survive_the_way_up_down_and_up(
    walk: MigrationContext, engine: Engine
) -> None:
    revisions = [one for one in walk.history.revisions if one not in ("base", "heads")]
    assert len(revisions) >= 6
    shapes = {}
    for number, revision in enumerate(revisions, start=1):
        before = _counts(engine)
        walk.migrate_up_to(revision)
        after = _counts(engine)
        assert {name: after[name] for name in before} == before, revision
        with engine.begin() as connection:
            seed(connection, number)
            shapes[revision] = shape(connection)
    for revision in reversed(revisions[:-1]):
        before = _counts(engine)
        walk.migrate_down_to(revision)
        with engine.begin() as connection:
            assert shape(connection) == shapes[revision], revision
        after = _counts(engine)
        lost = {name for name in after if after[name] != before[name]}
        assert lost <= FORGOTTEN.get(revision, frozenset()), revision
    for revision in revisions[1:]:
        walk.migrate_up_to(revision)
        with engine.begin() as connection:
            assert shape(connection) == shapes[revision], revision


@pytest.mark.slow
def test_processes_that_start_at_once_migrate_once(postgres: Postgres, tmp_path: Path) -> None:
    command = [str(BIN / "fellesskap-backend"), "migrate", "--state", str(tmp_path)]
    env = {**os.environ, "FELLESSKAP_DATABASE_URL": postgres.create("at_once")}
    started = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said == [b'{"migrated": true}\n'] * 2


def _counts(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return counted(connection)
