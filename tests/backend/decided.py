"""Lockers where much was decided: a seeded load through the desk, its rows written at once."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from msgspec.structs import replace as described
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import insert_all
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions.desk import Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_protocol.capacity import Compartment, Demand
from tests.backend.api import put_up

HEIGHTS = (110, 110, 110, 110, 240, 240, 240, 480, 480, 900)
CARRIERS = [UUID(int=(7 << 76) + number) for number in range(5)]


def load(engine: Engine, lockers: int, decisions: int, *, since: datetime, hours: int) -> None:
    """Put lockers up and have each decide its part of so many, over some hours."""
    each = decisions // lockers
    for number in range(lockers):
        locker_id = f"city-{number}"
        put_up(engine, locker_id, doors=1)
        step = timedelta(hours=hours) / (each + 1)
        made = _decided(locker_id, random.Random(locker_id), since, step)
        rows, hashes = zip(*islice(made, each), strict=True)
        with Session(engine.execution_options(writing=True)) as session, session.begin():
            for at in range(0, each, 1_000):
                insert_all(session, Decision, rows[at : at + 1_000])
            head = {"decided": each, "decision_hash": hashes[-1]}
            session.execute(update(Locker).where(Locker.id == locker_id).values(head))


def _decided(
    locker_id: str, rng: random.Random, now: datetime, step: timedelta
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield decisions, and the hash of each: visits of several at once, between which time goes."""
    every = [_compartment(number, height) for number, height in enumerate(HEIGHTS, start=1)]
    place = Place(locker_id, every=every, allowances=[(Demand(440, 110, 600, 0), 1)])
    while True:
        if rng.random() < 0.02:  # described anew
            every = [*every[:-1], described(every[-1], width_mm=rng.choice((440, 460)))]
        usable = [one for one in every if rng.random() < 0.95]
        kept = [one for one in place.claims if rng.random() < 0.7]
        place = replace(place, every=every, usable=usable, claims=kept)
        place.acked_seq += rng.randrange(9)
        desk = Desk(place, now)
        for _ in range(rng.randint(1, 5)):
            now += step
            wanted = Wanted(rng.choice(CARRIERS), _request(rng), {"collect_within_s": 3_600})
            made = desk.decide(wanted, Moment(now, rng.randbytes))
            yield made.row, desk.head.hash
            if made.decision.confirmed and wanted.request.hold == "hard":
                place.claims.append(Live(made.number, wanted.request.demand))
        place = replace(place, head=desk.head, revision=desk.revision)


def _request(rng: random.Random) -> Request:
    height = rng.choice((80, 100, 200, 400, 1_000))
    needs = ("low",) if rng.random() < 0.1 else ()
    hold = "soft" if rng.random() < 0.1 else "hard"
    return Request(Demand(300, height, 400, 900, needs), hold, rng.random() < 0.02)  # type: ignore[arg-type]


def _compartment(number: int, height_mm: int) -> Compartment:
    floor_mm = 400 if number % 2 else 1_300
    return Compartment(number, 440, height_mm, 600, floor_mm, floor_mm + height_mm, 20_000)
