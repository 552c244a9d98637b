"""Manifests over HTTP on PostgreSQL: parcels a second, 500 in a call.

One server process, two connections, fsync on; load, server and PostgreSQL share the two cores. The
limit is the same rows by COPY, as many in a transaction, with nothing around it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fellesskap_backend import db
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.backend.postgres import Postgres
from tests.bench.backend import DOORS, TABLES, put_up_lockers
from tests.bench.callers import per_second, rendered
from tests.bench.figures import Figure, figure, progress
from tests.bench.limits import copied_per_s
from tests.system.house import Installation, Json, installation

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
    (folder / "postgres").mkdir()
    folder.chmod(0o755)  # the server is another user
    cluster = Postgres(folder / "postgres")
    try:
        url = cluster.create("bench")
        root = folder / "house"
        settings = Settings(state=root / "backend", database_url=url)
        put_up_lockers(settings, (WARM + calls) * PARCELS // AT_A_LOCKER)
        with installation(root, {"FELLESSKAP_DATABASE_URL": url}) as house:
            key = house.cli("carrier", "add", "Nordpost")["api_key"]
            told = progress(range(WARM + calls), "backend: manifests of 500", WARM + calls)
            load = [_manifest(house, key, number) for number in told]
            per_second(house.url, load[:WARM], CONNECTIONS, 200)
            calls_per_s = per_second(house.url, load[WARM:], CONNECTIONS, 200)
        limit = cluster.create("limit_of_it")
        engine = db.engine(Settings(state=root, database_url=limit))
        upgrade(engine)
        engine.dispose()
        source, copy = (
            f"host={cluster.socket} user=postgres dbname={one}" for one in ("bench", "limit_of_it")
        )
        best = copied_per_s(source, copy, OF_PARCELS, PARCELS)
    finally:
        cluster.stop()
    return [figure("backend.manifest_parcels_per_s", calls_per_s * PARCELS, "1/s", best)]


def _manifest(house: Installation, key: str, number: int) -> bytes:
    """Return one call as its bytes."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"bench-{number}"}
    numbers = range(number * PARCELS, (number + 1) * PARCELS)
    places = [f"bench-{one // AT_A_LOCKER}" for one in numbers]
    return rendered(house.url, "/v1/manifests", headers, manifest(number * PARCELS, places))


def manifest(first: int, places: Sequence[str]) -> Json:
    """Ask for a small parcel at each of these lockers; they are numbered from `first`."""
    return {
        "parcels": [
            {
                "locker_id": place,
                "label": {"kind": "reference", "value": f"BENCH-{number:06d}"},
                "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
                "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
                "collect_within": "P3D",
            }
            for number, place in enumerate(places, start=first)
        ]
    }
