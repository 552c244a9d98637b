"""The migrations lead to the tables that the code knows, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from fellesskap_backend import db, migrations
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


def test_lives_are_migrated_back_and_forth_with_data_in_them(settings: Settings) -> None:
    engine = db.engine(settings)
    upgrade(engine)
    _move(engine, "0002")
    ids = {name: uuid4().hex for name in ("reservation", "parcel", "carrier", "right")}
    with engine.execution_options(writing=True).begin() as connection:
        for statement in _OLD_ROWS:
            connection.execute(text(statement), ids)
    for _ in range(2):
        _move(engine, "head")
        with engine.connect() as connection:
            row = connection.execute(text(_NEW_COLUMNS)).one()
        assert tuple(row) == ("last_mile", "opaque:R-1", 3600, "hard", "none")
        _move(engine, "0002")
    _move(engine, "head")
    engine.dispose()


_AT = "'2027-03-01 08:00:00'"
_OLD_ROWS = (
    "INSERT INTO lockers (id, site_name, address, k_version, generation, revision,"
    " applied_generation, applied_revision, reported_generation, reported_revision, online,"
    f" created_at) VALUES ('oslo-1', 'S', 'A', 1, 1, 0, 0, 0, 0, 0, false, {_AT})",
    "INSERT INTO devices (id, locker_id, public_key, kid, claimed_at)"
    f" VALUES ('d', 'oslo-1', 'k', 'kid', {_AT})",
    "INSERT INTO reservations (id, carrier_id, locker_id, parcel_id, right_id, label_kind,"
    " label_value, label_key, w_mm, h_mm, d_mm, g, needs, deposit_by, collect_within_s, code_at,"
    " state, created_at) VALUES (:reservation, :carrier, 'oslo-1', :parcel, :right, 'reference',"
    f" 'R-1', 'opaque:R-1', 1, 1, 1, 1, '[]', {_AT}, 3600, 'deposit', 'confirmed', {_AT})",
    "INSERT INTO parcels (id, carrier_id, locker_id, reservation_id, right_id, label_value, state,"
    " created_at) VALUES (:parcel, :carrier, 'oslo-1', :reservation, :right, 'R-1', 'expected',"
    f" {_AT})",
)
_NEW_COLUMNS = (
    "SELECT kind, parcels.label_key, parcels.collect_within_s, hold, allowances FROM parcels"
    " JOIN reservations ON reservations.id = reservation_id"
    " JOIN lockers ON lockers.id = parcels.locker_id"
)


def _move(engine: Engine, revision: str) -> None:
    """Bring a database up to a revision, or down to it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        if revision == "head":
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)


def test_two_commands_at_once_migrate_once(tmp_path: Path) -> None:
    engines = [db.engine(Settings(state=tmp_path)) for _ in range(2)]
    with ThreadPoolExecutor(2) as commands:
        list(commands.map(upgrade, engines))
    with engines[0].connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is not None
    for engine in engines:
        engine.dispose()
