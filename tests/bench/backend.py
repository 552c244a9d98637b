"""The backend over HTTP on SQLite: reservations a second, and 200 connections against 16."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from fellesskap_backend import db
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from tests.bench.figures import Figure, commits_ms, console, figure
from tests.system.house import Installation, installation

LOCKERS, DOORS = 150, 24
ROWS = 10
"""Rows that one reservation writes."""


def measure(folder: Path, requests: int) -> list[Figure]:
    """Reserve with 16 and with 200 connections; return the backend's figures."""
    state = folder / "house" / "backend"
    _put_up_lockers(Settings(state=state))
    with installation(folder / "house") as house:
        client, added = house.carrier("Nordpost")
        client.close()
        few = _per_second(house, added["api_key"], 16, requests, "few")
        many = _per_second(house, added["api_key"], 200, requests, "many")
    best = 1000 / (sum(commits_ms(folder, 500, rows=ROWS, row_bytes=200)) / 500)
    return [
        figure("backend.sqlite_reservations_per_s", few, "1/s", best),
        figure("backend.gate_200_vs_16", many / few, "ratio", 1.0),
    ]


def _put_up_lockers(settings: Settings) -> None:
    settings.state.mkdir(parents=True, mode=0o700)
    engine = db.engine(settings)
    upgrade(engine)
    now = datetime.now(UTC)
    with db.writing(engine) as session:
        for one in range(LOCKERS):
            session.add(
                Locker(
                    id=f"bench-{one}", site_name="B", address="B", created_at=now, contact_at=now
                )
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
            for one in range(LOCKERS)
            for door in range(1, DOORS + 1)
        )
    engine.dispose()


def _per_second(house: Installation, key: str, connections: int, requests: int, run: str) -> float:
    """Return the answered reservations a second; every answer must be 201."""
    clients = [house.client(key) for _ in range(connections)]
    deposit_by = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    turns = iter(range(requests))
    lock = threading.Lock()

    def work(client: httpx.Client) -> None:
        while True:
            with lock:
                turn = next(turns, None)
            if turn is None:
                return
            answer = client.post(
                "/v1/reservations",
                headers={"Idempotency-Key": f"{run}-{turn}"},
                json={
                    "locker_id": f"bench-{turn % LOCKERS}",
                    "label": {"kind": "reference", "value": f"{run}-{turn:06d}"},
                    "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
                    "deposit_by": deposit_by,
                    "collect_within": "P3D",
                },
            )
            assert answer.status_code == 201, answer.text

    console.print(f"backend: {requests} reservations on {connections} connections")
    begun = time.monotonic()
    with ThreadPoolExecutor(connections) as people:
        list(people.map(work, clients))
    spent = time.monotonic() - begun
    for client in clients:
        client.close()
    return requests / spent
