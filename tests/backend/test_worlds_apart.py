"""I10: two worlds that differ in what rivals did look the same to a carrier, but for availability.

Real services over HTTP; time and chance are given by the test, so that all that a carrier is told
is the same to the byte, once roots, commitments and path hashes are masked.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fellesskap_backend import db, secrets
from fellesskap_backend.app import create_api
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.db import Moment
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.neutrality.closing import count_due, keep
from fellesskap_backend.neutrality.month import WAIT, month_of
from fellesskap_backend.receipts.closing import close_next
from fellesskap_backend.receipts.hours import HOUR
from fellesskap_backend.receipts.hours import WAIT as HOUR_WAIT
from fellesskap_backend.rim import House
from fellesskap_backend.settings import Settings
from tests.backend.api import Json, label, put_up

BEGINS = datetime(2027, 3, 10, 8, tzinfo=UTC)
MARCH = month_of("2027-03")
OWN, RIVALS = "Nordpost", ("Sydpost", "Vestpost", "Østpost")
DOORS = 200
OF_BYTES = ("etag", "content-length")
"""Headers that follow from the body: a receipt's place has one digit or four."""
HASH = re.compile(r"[A-Za-z0-9_-]{43}")
FOREIGN = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"


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
def world(folder: Path) -> Iterator[World]:
    """Begin an installation with four carriers and two lockers, the same in every world."""
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
    for locker_id, doors in (("oslo-1", DOORS), ("oslo-2", 2)):
        put_up(engine, locker_id, doors=doors)
    yield World(house, api, keys)
    engine.dispose()


async def _sent(
    api: FastAPI, verb: str, path: str, headers: Json, *, body: Json | None
) -> httpx.Response:
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(verb, path, json=body, headers=headers)


Rivals = Callable[[World, datetime], None]


def nobody(_world: World, _at: datetime) -> None:
    pass


def some(world: World, at: datetime) -> None:
    for number in range(3):
        world.ask(RIVALS[0], at.hour * 100 + number, at)


def many(world: World, at: datetime) -> None:
    """Other labels (the own ones too), outcomes, holds, sizes and another locker."""
    rival, hour = RIVALS[0], at.hour * 100
    for number in range(8):
        world.ask(rival, number, at)
        world.ask(rival, hour + number, at, locker_id="oslo-2")
        world.ask(rival, hour + 10 + number, at, hold="soft", needs=["low"])
    dimensions = {"w_mm": 3_000, "h_mm": 900, "d_mm": 900, "g": 900}
    world.ask(rival, hour + 50, at, dimensions=dimensions)


def live(world: World, rivals: Rivals) -> list[Any]:
    """Let a month go by, the carrier doing the same in each world; return all that it saw."""
    made = []
    for hour in range(4):
        at = BEGINS + hour * HOUR
        rivals(world, at)
        made.append(world.ask(OWN, hour, at + timedelta(minutes=1)))
        made.append(world.ask(OWN, 0, at + timedelta(minutes=2), hold="soft"))
        world.at(at + timedelta(minutes=3), "quote")
        rivals(world, at + timedelta(minutes=4))
        world.at(at + timedelta(minutes=5), "read")
        for path in ("/v1/reservations", "/v1/parcels", "/v1/metrics/neutrality?month=2027-03"):
            world.watch("GET", path)
        _close_hour(world, at + HOUR + HOUR_WAIT)
    for one in made:
        said = one["body"]
        world.watch("GET", f"/v1/decisions/{said.get('decision_id', said.get('id'))}")
    world.watch("GET", "/v1/audit/roots")
    world.watch("GET", f"/v1/decisions/{FOREIGN}")
    _close_month(world, MARCH.ends + WAIT)
    world.watch("GET", "/v1/metrics/neutrality?month=2027-03")
    return world.seen


def _close_hour(world: World, now: datetime) -> None:
    world.at(now, f"close {now}")
    moment, kept = world.house.moment(), world.house.secrets
    db.run(world.house.engine, lambda session: close_next(session, moment, secrets=kept))


def _close_month(world: World, now: datetime) -> None:
    world.at(now, "month")
    moment, engine = world.house.moment(), world.house.engine
    found = db.read(engine, lambda session: count_due(session, moment))
    assert found is not None
    db.run(engine, lambda session: keep(session, found, moment))


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


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    secrets.load(folder)
    return folder


@pytest.mark.slow
def test_what_rivals_do_shows_a_carrier_nothing(base: Path, tmp_path: Path) -> None:
    seen = []
    for rivals in (nobody, some, many):
        with world(copied(base, tmp_path / rivals.__name__)) as one:
            seen.append(live(one, rivals))
    report = seen[0][-1]["body"]
    assert report["complete"] is True
    assert (report["yours"]["requested"], report["yours"]["served"]) == (8, 4)
    assert {*report["total"]["denied"].values(), report["jain"]} == {None}
    assert {one for one in report["total"].values() if not isinstance(one, dict)} == {None}
    statuses = {one["status"] for one in seen[0]}
    assert statuses == {200, 201, 404, 409}
    assert masked(seen[0]) == masked(seen[1]) == masked(seen[2])
    assert seen[0] != seen[2], "what is masked does differ"


def crowd(each: int) -> Rivals:
    """Let every rival ask for so much, half of it where there is no room any more."""

    def act(world: World, at: datetime) -> None:
        for number in range(each):
            for rival in RIVALS:
                where = f"oslo-{1 + number % 2}"
                world.ask(rival, at.hour * 100 + number, at, locker_id=where)

    return act


@pytest.mark.slow
def test_where_totals_are_shown_worlds_differ_in_totals_alone(base: Path, tmp_path: Path) -> None:
    seen = []
    for each in (4, 5):
        with world(copied(base, tmp_path / str(each))) as one:
            seen.append(live(one, crowd(each)))
    totals = [
        [said["body"].pop(name) for name in ("total", "jain")]
        for said in (each[-1] for each in seen)
    ]
    assert masked(seen[0]) == masked(seen[1])
    for total, jain in totals:
        assert None not in (total["requested"], total["served"], jain)
    assert totals[0] != totals[1]
