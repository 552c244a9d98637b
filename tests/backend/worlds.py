"""Installations whose time and chance a test gives: two that differ only in what rivals did.

Real services over HTTP. All that a carrier is answered is kept, and is the same to the byte, once
roots, commitments and path hashes are masked.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from sqlalchemy import select

from fellesskap_backend import db, secrets
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.app import create_api
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.neutrality.closing import count_due, keep
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.rim import House
from fellesskap_backend.settings import Settings
from tests.backend.api import Json, label, put_up
from tests.backend.crowd import share

BEGINS = datetime(2027, 3, 10, 8, tzinfo=UTC)
OWN, RIVALS = "Nordpost", ("Sydpost", "Vestpost", "Østpost")
DOORS = 200
WEIGHTS = {OWN: 3, "Sydpost": 2, "Vestpost": 1}
"""If a policy is in force; of ten doors 3, 2 and 1."""
OF_BYTES = ("etag", "content-length")
"""Headers that follow from the body: a receipt's place has one digit or four."""
HASH = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Told(House):
    """A house whose clock and chance the test sets."""

    said: list[Moment] = field(default_factory=list)

    def moment(self) -> Moment:
        return self.said[-1]


@dataclass
class World:
    """One installation, and everything that its carrier was ever answered."""

    house: Told
    api: FastAPI
    keys: dict[str, str]
    seen: list[Any] = field(default_factory=list)

    def at(self, now: datetime, chance: str) -> None:
        """Say what time it is, and from which chance ids are drawn."""
        self.house.said.append(Moment(now, Random(chance).randbytes))

    def call(self, who: str, verb: str, path: str, body: Json | None = None, key: str = "") -> Json:
        """Call as a carrier; return the answer with status and headers."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        if key:
            headers["Idempotency-Key"] = key
        answer = asyncio.run(_sent(self.api, verb, path, headers, body=body))
        told = {name: one for name, one in answer.headers.items() if name not in OF_BYTES}
        return {"status": answer.status_code, "headers": told, "body": answer.json()}

    def watch(self, verb: str, path: str, body: Json | None = None, key: str = "") -> Json:
        """Call as the carrier that watches, and remember what it saw."""
        found = self.call(OWN, verb, path, body, key)
        self.seen.append(found)
        return found

    def ask(self, who: str, number: int, at: datetime, **more: Any) -> Json:
        """Ask for room, as whoever it is."""
        self.at(at, f"{who} {number}")
        body = {
            "locker_id": "oslo-1",
            "label": label(number),
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "deposit_by": (at + timedelta(days=2)).isoformat(),
            "collect_within": "P3D",
            **more,
        }
        key = f"{who.encode().hex()}-{number}-{at:%H%M}"
        called = self.watch if who == OWN else lambda *sent: self.call(who, *sent)
        return called("POST", "/v1/reservations", body, key)


@contextmanager
def world(folder: Path, policy: FairShare | None = None) -> Iterator[World]:
    """Begin an installation with four carriers and three lockers, the same in every world."""
    settings = Settings(state=folder)
    kept = secrets.load(folder)
    engine = db.engine(settings)
    upgrade(engine)
    house = Told(settings, kept, engine, lambda **_: None)
    api = create_api(settings, kept, engine, wake=lambda **_: None)
    api.state.house = house
    keys = {}
    with db.writing(engine) as session:
        for name in (OWN, *RIVALS):
            moment = Moment(BEGINS - timedelta(days=90), Random(name).randbytes)
            keys[name] = carriers.add_carrier(session, name, moment)[1]
        if policy is not None:
            share(session, WEIGHTS, BEGINS - timedelta(hours=1), policy)
    for locker_id, doors in (("oslo-1", DOORS), ("oslo-2", 2)):
        put_up(engine, locker_id, doors=doors)
    put_up(engine, "oslo-3", doors=10, floor_mm=1300)
    yield World(house, api, keys)
    engine.dispose()


async def _sent(
    api: FastAPI, verb: str, path: str, headers: Json, *, body: Json | None
) -> httpx.Response:
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(verb, path, json=body, headers=headers)


def close_hour(world: World, now: datetime) -> None:
    world.at(now, f"close {now}")
    moment, kept = world.house.moment(), world.house.secrets
    db.run(world.house.engine, lambda session: close_next(session, moment, secrets=kept))


def close_month(world: World, now: datetime) -> None:
    world.at(now, "month")
    moment, engine = world.house.moment(), world.house.engine
    found = db.read(engine, lambda session: count_due(session, moment))
    assert found is not None
    db.run(engine, lambda session: keep(session, found, moment))


def bodies(world: World, locker_id: str) -> list[Json]:
    """Return what auditors read of a locker's decisions, in the order in which they were made."""
    with db.reader(world.house.engine) as session:
        rows = session.scalars(
            select(Decision.body).where(Decision.locker_id == locker_id).order_by(Decision.number)
        )
        return [msgspec.json.decode(one) for one in rows]


def masked(seen: Any) -> Any:
    """Mask roots, commitments and path hashes: their number and their length stay."""
    if isinstance(seen, dict):
        return {name: 0 if name == "place" else masked(one) for name, one in seen.items()}
    if isinstance(seen, list):
        return [masked(one) for one in seen]
    if isinstance(seen, str) and seen.count(".") == 2 and len(seen) > 200:
        return f"JWS of {len(seen)}"
    return HASH.sub("HASH", seen) if isinstance(seen, str) else seen


def copied(base: Path, folder: Path) -> Path:
    """Give a world the same secrets as another, so that the same codes come out."""
    folder.mkdir()
    for file in base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
