"""Ingest on PostgreSQL: events a second that many lockers' journals bring, through a real broker.

Whole lives of parcels: put in, collected, and what the locker says of its rights in between, in
batches of at most 50. All is journalled before anything is sent, as after an outage. The limit is
the same bytes by COPY into the ledger alone, as many in a transaction as in a batch.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.callers import per_second
from tests.bench.cluster import LIMIT, Cluster, cluster
from tests.bench.figures import Figure, figure, progress
from tests.bench.fleet import Fleet
from tests.bench.manifests import manifest
from tests.bench.thin_edge import BATCH_EVENTS, ThinEdge, journal_bytes
from tests.system.brokers import Broker

AT_A_LOCKER = 4
CALL = 500


def measure(folder: Path, lockers: int) -> list[Figure]:
    """Let so many lockers drain the lives of four parcels each; return events a second."""
    assert lockers * AT_A_LOCKER % CALL == 0
    broker = Broker("nats", folder / "broker").start()
    try:
        with cluster(folder) as made:
            fleet = Fleet(made.settings, broker, lockers, trusting=True)
            try:
                rate = _rate(made, broker, fleet)
                best = _copied_per_s(made, fleet)
            finally:
                fleet.close()
    finally:
        broker.stop()
    return [figure("backend.ingest_events_per_s", rate, "1/s", best)]


def _rate(made: Cluster, broker: Broker, fleet: Fleet) -> float:
    parcels = len(fleet.edges) * AT_A_LOCKER
    with made.house(broker) as house:
        key = house.cli("carrier", "add", "Nordpost")["api_key"]
        fleet.each(ThinEdge.connect)
        fleet.run("every locker is commissioned", lambda: fleet.owes == 0)
        for number in progress(range(parcels // CALL), "backend: ingest", parcels // CALL):
            call = manifest(house.url, key, number, count=CALL, at_a_locker=AT_A_LOCKER)
            per_second(house.url, [call], 1, 200)
        fleet.run(
            "every right is applied",
            lambda: (
                all(len(one.claims) == AT_A_LOCKER for one in fleet.edges.values())
                and not fleet.owes
            ),
        )
        before = made.count("SELECT count(*) FROM ledger")
        assert before == fleet.events
        for one in fleet.edges.values():
            one.live_all()
        begun = time.monotonic()
        fleet.each(ThinEdge.journalled)
        fleet.run("every event is acknowledged", lambda: fleet.owes == 0)
        spent = time.monotonic() - begun
        _check(made, fleet, parcels)
    return (fleet.events - before) / spent


def _check(made: Cluster, fleet: Fleet, parcels: int) -> None:
    assert made.count("SELECT count(*) FROM ledger") >= fleet.events
    assert made.count("SELECT count(*) FROM ledger WHERE unapplied IS NOT NULL") == 0
    assert made.count("SELECT count(*) FROM parcels WHERE state = 'collected'") == parcels
    lines = "SELECT count(*) FROM parcel_history WHERE what IN ('deposited', 'collected')"
    assert made.count(lines) == 2 * parcels
    told = "SELECT count(*) FROM notices WHERE type IN ('parcel.deposited', 'parcel.collected')"
    assert made.count(told) == 2 * parcels


def _copied_per_s(made: Cluster, fleet: Fleet) -> float:
    """COPY the same events into an empty ledger, a batch at a time; return how many a second."""
    made.empty_copy()
    now = datetime.now(UTC)
    count = 0
    with made.connect(LIMIT) as connection:
        begun = time.perf_counter()
        for edge, stored in zip(fleet.edges, journal_bytes(fleet.edges.values()), strict=True):
            for first in range(0, len(stored), BATCH_EVENTS):
                some = stored[first : first + BATCH_EVENTS]
                with connection.cursor().copy(_COPY) as into:
                    for seq, body in enumerate(some, start=first + 1):
                        into.write_row((edge, "epoch", seq, "type", body, now))
                count += len(some)
        return count / (time.perf_counter() - begun)


_COPY = "COPY ledger (locker_id, epoch, seq, type, body, recorded_at) FROM STDIN"
