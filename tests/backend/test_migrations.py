"""The migrations lead to the tables that the code knows, on both databases."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select, text

from fellesskap_backend import db, migrations, secrets
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.schema import metadata
from fellesskap_backend.settings import Settings
from fellesskap_backend.webhooks import keeping, outbox
from fellesskap_backend.webhooks.tables import Subscription

_COMMAND = """
import sys
from fellesskap_backend.__main__ import main
main()
print([one for one in ("alembic", "fellesskap_backend.app") if one in sys.modules])
"""


def test_migrated_database_is_what_the_code_knows(owned: Settings) -> None:
    engine = db.engine(owned)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


@pytest.mark.slow
def test_a_command_on_a_database_of_today_loads_neither_alembic_nor_the_server(
    tmp_path: Path,
) -> None:
    asked = [sys.executable, "-c", _COMMAND, "carrier", "add", "Nordpost", "--state", f"{tmp_path}"]
    loaded = [
        subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        for _ in range(2)
    ]
    assert loaded == ["['alembic']", "[]"]


def test_the_newest_revision_is_the_head_of_alembics() -> None:
    assert ScriptDirectory(str(migrations.HERE)).get_current_head() == migrations.NEWEST


def test_lives_are_migrated_back_and_forth_with_data_in_them(owned: Settings) -> None:
    engine = db.engine(owned)
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


def test_keys_find_their_owners_and_no_narrow_one_becomes_wide(owned: Settings) -> None:
    engine = db.engine(owned)
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


def test_lockers_find_their_sites_and_bands(owned: Settings) -> None:
    engine = db.engine(owned)
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


def test_webhooks_keep_their_secrets_turns_and_places(owned: Settings) -> None:
    engine = db.engine(owned)
    upgrade(engine)
    _move(engine, "0006")
    names = ("carrier", "subscription", "gone", "parcel", *"abcd")
    ids = {name: uuid4().hex for name in names}
    with engine.execution_options(writing=True).begin() as connection:
        for statement in _OLD_WEBHOOKS:
            connection.execute(text(statement), ids)
    for _ in range(2):
        _move(engine, "head")
        with engine.connect() as connection:
            rows = connection.execute(text(_WEBHOOKS)).all()
            states = connection.scalars(text(_STATES)).all()
            order = connection.scalars(text("SELECT type FROM notices ORDER BY number")).all()
        assert [tuple(row) for row in rows] == [
            ("active", 3, 3, 0, "whsec_one"),
            ("gone", 3, 3, 0, "whsec_two"),
        ]
        assert states == ["delivered", "due", "waiting"]
        assert order == ["t.a", "t.b", "t.c", "t.d"]
        _move(engine, "0006")
        with engine.connect() as connection:
            left = connection.execute(text(_OLD_DELIVERIES)).all()
        assert [tuple(row) for row in left] == [(1, True), (2, False), (3, False)]
    _move(engine, "head")
    kept = secrets.load(owned.state)
    assert db.run(engine, lambda session: keeping.seal_imported(session, kept.k_codes)) == 2
    with engine.connect() as connection:
        sealed = connection.scalars(text("SELECT imported FROM webhook_subscriptions")).all()
    assert not any("whsec" in one for one in sealed)
    with db.reader(engine) as session:
        good = {
            outbox.secrets_of(one, kept.k_codes, datetime.now(UTC))
            for one in session.scalars(select(Subscription))
        }
    assert good == {("whsec_one",), ("whsec_two",)}
    with pytest.raises(ValueError, match="another installation"):
        db.run(engine, lambda session: keeping.seal_imported(session, bytes(32)))
    engine.dispose()


def test_what_is_there_is_told_as_what_it_counts(owned: Settings) -> None:
    engine = db.engine(owned)
    upgrade(engine)
    _move(engine, "0013")
    names = ("carrier", *(f"{noun}_{one}" for noun in ("r", "p", "i") for one in "abc"))
    ids = {name: uuid4().hex for name in names}
    with engine.execution_options(writing=True).begin() as connection:
        for statement in _OLD_USES:
            connection.execute(text(statement), ids)
    for _ in range(2):
        _move(engine, "head")
        with engine.connect() as connection:
            claims = connection.execute(text(_USES)).all()
            doors = connection.execute(text(_DOORS)).all()
        assert [tuple(row) for row in claims] == [
            ("a", "S", None, "S"),  # waits for its parcel
            ("b", "other", None, None),  # its parcel lies there: the claim counts no more
            ("c", None, None, None),  # soft
        ]
        assert [tuple(row) for row in doors] == [(1, 7, "other"), (2, None, None)]
        _move(engine, "0013")
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
_OLD_WEBHOOKS = (
    f"INSERT INTO carriers (id, number, name, created_at) VALUES (:carrier, 1, 'N', {_AT})",
    "INSERT INTO feed_counters (carrier_id, last) VALUES (:carrier, 3)",
    "INSERT INTO webhook_subscriptions (id, carrier_id, url, secret, created_at, disabled_at)"
    f" VALUES (:subscription, :carrier, 'https://a.example/', 'whsec_one', {_AT}, NULL),"
    f" (:gone, :carrier, 'https://b.example/', 'whsec_two', {_AT}, {_AT})",
    "INSERT INTO notices (id, carrier_id, type, parcel_id, data, occurred_at, clock, recorded_at,"
    " position) VALUES "
    + ", ".join(
        f"(:{one}, :carrier, 't.{one}', :parcel, '{{}}', {_AT}, 'trusted', {_AT}, {position})"
        for one, position in zip("abcd", ("1", "2", "3", "NULL"), strict=True)
    ),
    "INSERT INTO deliveries (id, subscription_id, notice_id, carrier_id, parcel_id, position,"
    " attempts, due_at, delivered_at) VALUES "
    + ", ".join(
        f"(:{one}, :subscription, :{one}, :carrier, :parcel, {position}, 1, {_AT}, {delivered})"
        for one, position, delivered in (("a", 1, _AT), ("b", 2, "NULL"), ("c", 3, "NULL"))
    ),
)
_WEBHOOKS = (
    "SELECT state, position, furthest, secret_version, imported FROM webhook_subscriptions"
    " ORDER BY imported"
)
_STATES = "SELECT state FROM deliveries ORDER BY position"
_OLD_DELIVERIES = (
    "SELECT position, delivered_at IS NOT NULL FROM deliveries WHERE id IS NOT NULL"
    " ORDER BY position"
)


_OLD_USES = (
    f"INSERT INTO carriers (id, number, name, created_at) VALUES (:carrier, 7, 'N', {_AT})",
    "INSERT INTO lockers (id, site_name, address, k_version, generation, revision,"
    " applied_generation, applied_revision, reported_generation, reported_revision, online,"
    " custody_wanted, service_state, allowances, decided, decision_hash, created_at)"
    " VALUES ('oslo-1', 'S', 'A', 1, 1, 0, 0, 0, 0, 0, false, false, 'in_service', 'none', 0, '0',"
    f" {_AT})",
    *(
        "INSERT INTO reservations (id, carrier_id, locker_id, parcel_id, right_id, label_kind,"
        " label_value, label_key, w_mm, h_mm, d_mm, g, needs, size_class, hold, deposit_by,"
        " collect_within_s, code_at, state, created_at)"
        f" VALUES (:r_{one}, :carrier, 'oslo-1', :p_{one}, :i_{one}, 'reference', '{one}', '{one}',"
        f" 1, 1, 1, 1, '[]', {size}, '{hold}', {_AT}, 60, 'deposit', '{state}', {_AT})"
        for one, size, hold, state in (
            ("a", "'S'", "hard", "confirmed"),
            ("b", "NULL", "hard", "fulfilled"),
            ("c", "'M'", "soft", "fulfilled"),
        )
    ),
    *(
        "INSERT INTO claims (right_id, locker_id, carrier_number, w_mm, h_mm, d_mm, g, needs,"
        f" released) VALUES (:i_{one}, 'oslo-1', 7, 1, 1, 1, 1, '[]', {released})"
        for one, released in (("a", "false"), ("b", "true"), ("c", "true"))
    ),
    *(
        "INSERT INTO parcels (id, kind, carrier_id, locker_id, reservation_id, right_id, state,"
        " has_second_codes, created_at)"
        f" VALUES (:p_{one}, 'last_mile', :carrier, 'oslo-1', :r_{one}, :i_{one}, 'deposited',"
        f" false, {_AT})"
        for one in "bc"
    ),
    *(
        "INSERT INTO compartments (locker_id, number, width_mm, height_mm, depth_mm, floor_mm,"
        " top_mm, max_g, features, occupancy_sensor, door, content, service, parcel_id, wish_heard)"
        f" VALUES ('oslo-1', {number}, 1, 1, 1, 1, 1, 1, '[]', false, 'shut', 'parcel', 'in',"
        f" :p_{one}, false)"
        for number, one in ((1, "b"), (2, "c"))
    ),
)
_USES = (
    "SELECT label_value, reservations.use_size, reservations.part, claims.use_size"
    " FROM reservations JOIN claims ON claims.right_id = reservations.right_id ORDER BY label_value"
)
_DOORS = "SELECT number, used_by, used_as FROM compartments ORDER BY number"
