"""The backend over HTTP on SQLite: reservations a second, and 200 connections against 16.

16 and 200 take turns (few, many, many, few), so that a growing database and a machine that is
shared weigh on both alike. The load is one thread, for the two cores are the server's too.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fellesskap_backend import db
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.bench.callers import per_second, rendered
from tests.bench.figures import Figure, figure, progress
from tests.bench.limits import rows_per_s
from tests.system.house import installation

LOCKERS, DOORS = 150, 24
"""Room for 3,600 parcels."""
FEW, MANY = 16, 200
TURNS = (FEW, FEW, MANY, MANY, FEW)
"""The first warms up."""
TABLES = (
    *("reservations", "claims", "parcels", "rights", "right_codes"),
    *("parcel_history", "notices", "decisions", "answers"),
)
"""One row into each is what a reservation writes."""


def measure(folder: Path, requests: int) -> list[Figure]:
    """Reserve with 16 and with 200 connections; return the backend's figures."""
    root = folder / "house"
    settings = Settings(state=root / "backend")
    put_up_lockers(settings)
    with installation(root) as house:
        key = house.cli("carrier", "add", "Nordpost")["api_key"]
        rates: dict[int, list[float]] = {FEW: [], MANY: []}
        turns = progress(enumerate(TURNS), "backend: reservations on 16 and 200", len(TURNS))
        for turn, connections in turns:
            numbers = range(turn * requests, (turn + 1) * requests)
            load = [
                request(house.url, key, number, f"bench-{number % LOCKERS}") for number in numbers
            ]
            rates[connections].append(per_second(house.url, load, connections, 201))
    few, many = _mean(rates[FEW][1:]), _mean(rates[MANY])
    store = Path(settings.database_url.removeprefix("sqlite:///"))
    best = rows_per_s(store, TABLES, folder / "limit.sqlite3")
    return [
        figure("backend.sqlite_reservations_per_s", few, "1/s", best),
        figure("backend.gate_200_vs_16", many / few, "ratio", 1.0),
    ]


def _mean(rates: list[float]) -> float:
    """Return the rate of turns of the same length taken together."""
    return len(rates) / sum(1 / rate for rate in rates)


def request(url: str, key: str, number: int, locker_id: str) -> bytes:
    """Return one reservation of a small parcel as its bytes."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"bench-{number}"}
    asked = {
        "locker_id": locker_id,
        "label": {"kind": "reference", "value": f"BENCH-{number:06d}"},
        "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
        "deposit_by": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "collect_within": "P3D",
    }
    return rendered(url, "/v1/reservations", headers, asked)


def put_up_lockers(settings: Settings, count: int = LOCKERS, doors: int = DOORS) -> None:
    """Make the database with lockers that have said which compartments they have."""
    settings.state.mkdir(parents=True, mode=0o700)
    engine = db.engine(settings)
    upgrade(engine)
    now = datetime.now(UTC)
    with db.writing(engine) as session:
        session.add_all(
            Locker(id=f"bench-{one}", site_name="B", address="B", created_at=now, contact_at=now)
            for one in range(count)
        )
        session.flush()
        session.add_all(
            Compartment(
                locker_id=f"bench-{one}",
                number=door,
                width_mm=440,
                height_mm=110,
                depth_mm=600,
                floor_mm=400,
                top_mm=510,
                max_g=20_000,
                features=[],
                content="empty",
            )
            for one in range(count)
            for door in range(1, doors + 1)
        )
    engine.dispose()
