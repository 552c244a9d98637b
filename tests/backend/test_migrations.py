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


def test_keys_find_their_owners_and_no_narrow_one_becomes_wide(settings: Settings) -> None:
    engine = db.engine(settings)
    upgrade(engine)
    _move(engine, "0005")
    carrier = uuid4().hex
    with engine.execution_options(writing=True).begin() as connection:
        for statement in _OLD_KEYS:
            connection.execute(text(statement), {"carrier": carrier})
    _move(engine, "head")
    with engine.execution_options(writing=True).begin() as connection:
        rows = connection.execute(text("SELECT prefix, owner_id FROM api_keys"))
        owners = {row.prefix: row.owner_id for row in rows}
        assert str(owners["c"]).replace("-", "") == carrier
        assert len(set(owners.values())) == 3
        connection.execute(text("UPDATE api_keys SET scopes = 'keys:write' WHERE prefix = 'o1'"))
    _move(engine, "0005")
    with engine.connect() as connection:
        left = connection.scalars(text("SELECT prefix FROM api_keys ORDER BY prefix")).all()
    assert left == ["c", "o2"]
    _move(engine, "head")
    engine.dispose()


def test_lockers_find_their_sites_and_bands(settings: Settings) -> None:
    engine = db.engine(settings)
    upgrade(engine)
    _move(engine, "0006")
    with engine.execution_options(writing=True).begin() as connection:
        for locker_id, site, place in (
            ("a-1", "Oslo S", (59.911, 10.75)),
            ("a-2", "Oslo S", (59.912, 10.75)),
            ("b-1", "Vest", (None, None)),
        ):
            values = {"id": locker_id, "site": site, "lat": place[0], "lon": place[1]}
            connection.execute(text(_OLD_LOCKER), values)
    for _ in range(2):
        _move(engine, "head")
        with engine.connect() as connection:
            rows = connection.execute(text(_SITES)).all()
        assert [tuple(row) for row in rows] == [
            ("a-1", 1198, "in_service", "Oslo S", "Oslo S", 59.911, 1198),
            ("a-2", 1198, "in_service", "Oslo S", "Oslo S", 59.911, 1198),
            ("b-1", None, "in_service", "Vest", "Vest", None, None),
        ]
        _move(engine, "0006")
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
_OLD_LOCKER = (
    "INSERT INTO lockers (id, site_name, address, k_version, generation, revision,"
    " applied_generation, applied_revision, reported_generation, reported_revision, online,"
    " allowances, custody_wanted, latitude, longitude, created_at)"
    f" VALUES (:id, :site, 'A', 1, 1, 0, 0, 0, 0, 0, false, 'none', false, :lat, :lon, {_AT})"
)
_SITES = (
    "SELECT lockers.id, lockers.lat_band, service_state, site_name, name, sites.latitude,"
    " sites.lat_band FROM lockers JOIN sites ON sites.id = site_id ORDER BY lockers.id"
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


_OLD_KEYS = (
    f"INSERT INTO carriers (id, number, name, created_at) VALUES (:carrier, 1, 'N', {_AT})",
    "INSERT INTO api_keys (prefix, role, carrier_id, name, secret_hash, created_at) VALUES"
    f" ('c', 'carrier', :carrier, 'N', 'h', {_AT}), ('o1', 'operator', NULL, 'O', 'h', {_AT}),"
    f" ('o2', 'operator', NULL, 'O', 'h', {_AT})",
)
