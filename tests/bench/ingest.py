"""Ingest on PostgreSQL: whole life cycles of many lockers through the real broker, events a second.

Parcels are reserved by manifests; each locker then tells its start and, of each parcel, deposit and
collection, in batches of at most 50 events. The clock runs from the first batch to the last
acknowledgement; afterwards every event must be recorded and applied, every parcel collected. The
limit is COPY of the same rows of the ledger.
"""

import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from fellesskap_backend import db
from fellesskap_backend.lockers.tables import Device
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.secrets import load
from fellesskap_backend.settings import Settings
from fellesskap_protocol.signing import b64url, seal
from tests.backend.lockers import HandLocker, collect, deposit
from tests.backend.postgres import Postgres
from tests.bench.backend import DOORS, put_up_lockers
from tests.bench.figures import Figure, figure
from tests.bench.fleet import Said, tell
from tests.bench.limits import copied_per_s
from tests.bench.manifests import manifest
from tests.bench.many import multiply
from tests.system.brokers import Broker
from tests.system.house import Installation, Json, installation

AT_A_LOCKER = 9
"""Parcels; each is ten events."""
BATCH = 50
AT_ONCE = 64
"""Lockers that speak at the same time."""


def measure(folder: Path, lockers: int) -> list[Figure]:
    """Let so many lockers tell their journals; return how many events a second are taken in."""
    (folder / "postgres").mkdir()
    folder.chmod(0o755)  # the server is another user
    cluster = Postgres(folder / "postgres")
    broker = Broker("nats", folder / "broker").start()
    try:
        url = cluster.create("bench")
        settings = Settings(state=folder / "house" / "backend", database_url=url)
        put_up_lockers(settings, 1, DOORS)
        where = f"host={cluster.socket} user=postgres dbname="
        with psycopg.connect(where + "bench") as connection:
            multiply(connection, lockers)
        env = {
            "FELLESSKAP_DATABASE_URL": url,
            "FELLESSKAP_BROKER_URL": broker.url("backend"),
            "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
            "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
        }
        with installation(folder / "house", env) as house:
            fleet = _fleet(settings, _reserve(house, lockers))
            events = sum(len(one.stored) for one in fleet)
            tell(broker.login("locker"), _births(fleet), AT_ONCE)
            begun = time.monotonic()
            tell(broker.login("locker"), _journals(fleet), AT_ONCE)
            spent_s = time.monotonic() - begun
        with psycopg.connect(where + "bench") as connection:
            _check(connection, events, lockers * AT_A_LOCKER)
        engine = db.engine(Settings(state=folder, database_url=cluster.create("copy")))
        upgrade(engine)
        engine.dispose()
        best = copied_per_s(where + "bench", where + "copy", ["ledger"], BATCH)
    finally:
        broker.stop()
        cluster.stop()
    return [figure("backend.ingest_events_per_s", events / spent_s, "1/s", best)]


def _reserve(house: Installation, lockers: int) -> dict[str, list[Json]]:
    """Reserve for the parcels of all lockers; return the reservations by locker."""
    client = house.client(house.cli("carrier", "add", "Nordpost")["api_key"])
    found: dict[str, list[Json]] = defaultdict(list)
    places = [f"bench-{number}" for number in range(lockers) for _ in range(AT_A_LOCKER)]
    for first in range(0, len(places), 900):
        asked = manifest(first, places[first : first + 900])
        answer = client.post("/v1/manifests", json=asked).json()
        for line in answer["parcels"]:
            found[line["reservation"]["locker_id"]].append(line["reservation"])
    return found


def _fleet(settings: Settings, reservations: dict[str, list[Json]]) -> list[HandLocker]:
    """Let each locker have a key that is known and a journal to tell."""
    installed = load(settings.state).installation
    engine = db.engine(settings)
    fleet = []
    with db.writing(engine) as session:
        for locker_id, parcels in reservations.items():
            locker = HandLocker(installed, locker_id)
            locker.device_id = f"device-{locker_id}"
            key, now = locker.key.public, datetime.now(UTC)
            session.add(
                Device(
                    id=locker.device_id,
                    locker_id=locker_id,
                    public_key=b64url(key.raw),
                    kid=key.kid,
                    claimed_at=now,
                )
            )
            locker.commission(DOORS)
            for door, parcel in enumerate(parcels, start=1):
                locker.add(*deposit(parcel, door))
            for door, parcel in enumerate(parcels, start=1):
                locker.add(*collect(parcel, door))
            fleet.append(locker)
    engine.dispose()
    return fleet


def _births(fleet: list[HandLocker]) -> dict[str, list[Said]]:
    return {one.locker_id: [("birth", seal(one.birth(), one.key))] for one in fleet}


def _journals(fleet: list[HandLocker]) -> dict[str, list[Said]]:
    return {
        one.locker_id: [
            ("journal", seal(one.batch(first + 1, first + BATCH), one.key))
            for first in range(0, len(one.stored), BATCH)
        ]
        for one in fleet
    }


def _check(connection: psycopg.Connection, events: int, parcels: int) -> None:
    """Raise `AssertionError` unless all is recorded, applied, and every parcel is collected."""
    recorded = connection.execute("SELECT count(*), count(unapplied) FROM ledger").fetchone()
    assert recorded == (events, 0), recorded
    states = connection.execute("SELECT state, count(*) FROM parcels GROUP BY state").fetchall()
    assert states == [("collected", parcels)], states
