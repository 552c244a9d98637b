"""Manifests over HTTP on PostgreSQL: parcels a second, 500 in a call.

Two processes of the API, a connection to each, fsync on; load, servers and PostgreSQL share the two
cores. The limit is the same rows by COPY, as many in a transaction, with nothing around it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.backend import DOORS, TABLES, put_up_lockers
from tests.bench.callers import per_second, rendered
from tests.bench.cluster import LIMIT, cluster
from tests.bench.figures import Figure, figure, progress
from tests.bench.limits import copied_per_s

PARCELS = 500
CONNECTIONS = 2
AT_A_LOCKER = 20
"""Parcels of a manifest at one locker; no locker is in two of them."""
WARM = 2
OF_PARCELS = tuple(table for table in TABLES if table != "answers")
"""One row into each is what a parcel writes; the answer is one for all of a call."""


def measure(folder: Path, calls: int) -> list[Figure]:
    """Send manifests for which there is room; return how many parcels a second are confirmed."""
    assert AT_A_LOCKER <= DOORS
    with cluster(folder) as made:
        put_up_lockers(made.settings, (WARM + calls) * PARCELS // AT_A_LOCKER)
        with made.house() as house:
            key = house.cli("carrier", "add", "Nordpost")["api_key"]
            told = progress(range(WARM + calls), "backend: manifests of 500", WARM + calls)
            urls = [house.url, house.one_more_api()]
            load = [manifest(urls[number % 2], key, number) for number in told]
            per_second(urls, load[:WARM], CONNECTIONS, 200)
            calls_per_s = per_second(urls, load[WARM:], CONNECTIONS, 200)
            for table in OF_PARCELS:
                made_of_it = made.count(f"SELECT count(*) FROM {table}")
                assert made_of_it == len(load) * PARCELS, f"{made_of_it} {table}: some were refused"
        made.empty_copy()
        best = copied_per_s(made.dsn(), made.dsn(LIMIT), OF_PARCELS, PARCELS)
    return [figure("backend.manifest_parcels_per_s", calls_per_s * PARCELS, "1/s", best)]


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
