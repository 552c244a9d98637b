"""The migrations lead to the tables that the code knows, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from fellesskap_backend import db
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.schema import metadata
from fellesskap_backend.settings import Settings


def test_migrated_database_is_what_the_code_knows(settings: Settings) -> None:
    engine = db.engine(settings)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_two_commands_at_once_migrate_once(tmp_path: Path) -> None:
    engines = [db.engine(Settings(state=tmp_path)) for _ in range(2)]
    with ThreadPoolExecutor(2) as commands:
        list(commands.map(upgrade, engines))
    with engines[0].connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is not None
    for engine in engines:
        engine.dispose()
