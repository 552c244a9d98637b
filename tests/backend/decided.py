"""Lockers where much was decided: a seeded load through the desk, its rows written at once.

Who came first got what there was, until `fair-share` was in force; an hour later its next version.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from msgspec.structs import replace as described
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.view import Use
from fellesskap_backend.bulk import insert_all
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions.desk import Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.policies.tables import QuotaReview, StandingRow, Weight
from fellesskap_protocol.capacity import Compartment, Demand
from tests.backend.api import put_up
from tests.backend.ruled import row_of

HEIGHTS = (110, 110, 110, 110, 240, 240, 240, 480, 480, 900)
CARRIERS = [UUID(int=(7 << 76) + number) for number in range(5)]
STANDINGS = (
    *(Carrier(1, 5, False, 200, 90, 40, 5), Carrier(2, 3, False, 100, 50, 0, 0)),
    *(Carrier(3, 2, False, 0, 19, 19, 0), Carrier(4, 1, True, 0, 0, 0, 0)),
    Carrier(5, 0, False, 30, 9, 1, 1),
)
"""The fifth has no weight; the first often does not come."""
REVIEWED = "city-2"
REVIEW = '[["1","S",1],["2","S",1],["3","S",0]]'


def load(engine: Engine, lockers: int, decisions: int, *, since: datetime, hours: int) -> None:
    """Put lockers up and have each decide its part of so many, over some hours."""
    each = decisions // lockers
    policies = [
        FairShare(version=n, in_force_from=since + timedelta(hours=n), guaranteed_permille=500 + n)
        for n in (1, 2)
    ]
    _announce(engine, policies)
    for number in range(lockers):
        locker_id = f"city-{number}"
        put_up(engine, locker_id, doors=1)
        step = timedelta(hours=hours) / (each + 1)
        made = log(locker_id, policies, since, step)
        rows, hashes = zip(*islice(made, each), strict=True)
        with Session(engine.execution_options(writing=True)) as session, session.begin():
            for at in range(0, each, 1_000):
                insert_all(session, Decision, rows[at : at + 1_000])
            head = {"decided": each, "decision_hash": hashes[-1]}
            session.execute(update(Locker).where(Locker.id == locker_id).values(head))


def _announce(engine: Engine, policies: list[FairShare]) -> None:
    day = policies[0].in_force_from.date()
    with Session(engine.execution_options(writing=True)) as session, session.begin():
        session.add_all(row_of(one) for one in policies)
        for one in STANDINGS:
            made_at = policies[0].in_force_from
            session.add(
                StandingRow(day=day, carrier_number=one.number, made_at=made_at, **_counted(one))
            )
            if one.weight:
                weight = {"weight": one.weight, "is_entrant": one.is_entrant}
                session.add(
                    Weight(
                        begins_on=date(2027, 1, 1),
                        carrier_number=one.number,
                        announced_at=datetime(2026, 12, 1, tzinfo=UTC),
                        **weight,
                    )
                )
        session.add(
            QuotaReview(
                locker_id=REVIEWED,
                quarter=date(2027, 1, 1),
                body=REVIEW,
                proposed_at=made_at - timedelta(days=2),
                accepted_at=made_at - timedelta(days=1),
                in_force_from=day,
            )
        )


def _counted(one: Carrier) -> dict[str, Any]:
    return {name: value for name, value in one._asdict().items() if name != "number"}


def _rules(locker_id: str, policies: list[FairShare], now: datetime) -> Rules | None:
    """Return by which rules a locker decides at an instant."""
    began = [one for one in policies if one.in_force_from <= now]
    if not began:
        return None
    day = began[-1].in_force_from.date().isoformat()
    review = REVIEW if locker_id == REVIEWED else None
    return Rules(row_of(began[-1]).body, day, STANDINGS, review)


def log(
    locker_id: str, policies: list[FairShare], now: datetime, step: timedelta
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield decisions, and the hash of each: visits of several at once, between which time goes."""
    rng = random.Random(locker_id)
    every = [_compartment(number, height) for number, height in enumerate(HEIGHTS, start=1)]
    place = Place(locker_id, every=every, allowances=[(Demand(440, 110, 600, 0), 1)])
    while True:
        if rng.random() < 0.02:  # described anew
            every = [*every[:-1], described(every[-1], width_mm=rng.choice((440, 460)))]
        usable = [one for one in every if rng.random() < 0.95]
        kept = [one for one in place.claims if rng.random() < 0.7]
        now += step
        place = replace(place, every=every, usable=usable, claims=kept)
        place.acked_seq += rng.randrange(9)
        place.rules = _rules(locker_id, policies, now)
        place.lying = [Use(str(rng.randint(1, 5)), "S", rng.random() < 0.2) for _ in range(2)]
        desk = Desk(place, now)
        count = rng.randint(1, 5)
        for _ in range(count):
            whose = rng.randrange(len(CARRIERS))
            said = {"collect_within_s": 3_600, "deposit_by": instant(now + timedelta(hours=9))}
            wanted = Wanted(CARRIERS[whose], _request(rng), said, whose + 1)
            made = desk.decide(wanted, Moment(now, rng.randbytes))
            yield made.row, desk.head.hash
            if made.use is not None:
                ruled = place.rules is not None
                place.claims.append(Live(made.number, wanted.request.demand, made.use, ruled))
        now += step * (count - 1)
        place = replace(place, head=desk.head, revision=desk.revision)


def _request(rng: random.Random) -> Request:
    height = rng.choice((80, 100, 200, 400, 1_000))
    needs = ("low",) if rng.random() < 0.1 else ()
    hold = "soft" if rng.random() < 0.1 else "hard"
    return Request(Demand(300, height, 400, 900, needs), hold, rng.random() < 0.02)  # type: ignore[arg-type]


def _compartment(number: int, height_mm: int) -> Compartment:
    floor_mm = 400 if number % 2 else 1_300
    return Compartment(number, 440, height_mm, 600, floor_mm, floor_mm + height_mm, 20_000)
