"""Manifests over HTTP on PostgreSQL: parcels a second, 500 in a call.

Two processes of the API, a connection to each, fsync on; load, servers and PostgreSQL share the two
cores. The carrier has a webhook, so the worker makes a delivery of each confirmation meanwhile; its
endpoint hangs, for what sending costs is the figure of whole lives. The limit is the same rows by
COPY, as many in a transaction, with nothing around it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.backend.receivers import Receivers, hangs
from tests.bench.backend import DOORS, TABLES, put_up_lockers
from tests.bench.callers import per_second, rendered
from tests.bench.cluster import LIMIT, Cluster, cluster
from tests.bench.figures import Figure, figure, progress
from tests.bench.limits import copied_per_s
from tests.system.house import Installation, wait_for

PARCELS = 500
CONNECTIONS = 2
AT_A_LOCKER = 20
"""Parcels of a manifest at one locker; no locker is in two of them."""
WARM = 2
MADE_S_MAX = 60.0
"""How long it may take until the last delivery is made."""
OF_PARCELS = tuple(table for table in TABLES if table != "answers")
"""One row into each is what a parcel writes; the answer is one for all of a call."""
WRITTEN = ("carriers", "webhook_subscriptions", *OF_PARCELS, "deliveries")
"""Where rows come, what refers to others after them."""


def measure(folder: Path, calls: int) -> list[Figure]:
    """Send manifests for which there is room; return how many parcels a second are confirmed."""
    assert AT_A_LOCKER <= DOORS
    parcels = (WARM + calls) * PARCELS
    receivers = Receivers([("nordpost", hangs)])
    try:
        with cluster(folder) as made:
            put_up_lockers(made.settings, parcels // AT_A_LOCKER)
            with made.house() as house:
                calls_per_s = _send(house, receivers.url("nordpost"), WARM + calls)
                for table in OF_PARCELS:
                    found = _rows(made, table)
                    assert found == parcels, f"{found} {table}: some were refused"
                wait_for("every delivery", lambda: _rows(made, "deliveries") >= parcels, MADE_S_MAX)
            assert _rows(made, "deliveries") == parcels
            made.empty_copy()
            best = copied_per_s(made.dsn(), made.dsn(LIMIT), WRITTEN, PARCELS, of=parcels)
    finally:
        receivers.close()
    return [figure("backend.manifest_parcels_per_s", calls_per_s * PARCELS, "1/s", best)]


def _send(house: Installation, webhook: str, calls: int) -> float:
    """Send so many manifests, the first to warm up; return how many a second."""
    _, added = house.carrier("Nordpost", webhook)
    urls = [house.url, house.one_more_api()]
    told = progress(range(calls), "backend: manifests of 500", calls)
    load = [manifest(urls[number % 2], added["api_key"], number) for number in told]
    per_second(urls, load[:WARM], CONNECTIONS, 200)
    return per_second(urls, load[WARM:], CONNECTIONS, 200)


def _rows(made: Cluster, table: str) -> int:
    return made.count(f"SELECT count(*) FROM {table}")


def manifest(
    url: str,
    key: str,
    number: int,
    *,
    count: int = PARCELS,
    at_a_locker: int = AT_A_LOCKER,
) -> bytes:
    """Return one call as its bytes; the first goes to the first lockers, and so on."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"bench-{number}"}
    parcels: list[dict[str, Any]] = [
        {
            "locker_id": f"bench-{one // at_a_locker}",
            "label": {"kind": "reference", "value": f"BENCH-{one:06d}"},
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "collect_within": "P3D",
        }
        for one in range(number * count, (number + 1) * count)
    ]
    return rendered(url, "/v1/manifests", headers, {"parcels": parcels})
