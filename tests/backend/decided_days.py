"""Lockers that decided whole days at cut-offs: by the desk, their rows written at once."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.bulk import insert_all
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.decisions import batches
from fellesskap_backend.decisions.batches import Batch
from fellesskap_backend.decisions.desk import Decided, Desk, Live, Place, Wanted
from fellesskap_backend.decisions.policy import Request
from fellesskap_backend.decisions.rules import Carrier, Rules
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.policies.tables import StandingRow, Weight
from tests.backend.api import put_up
from tests.backend.decided import CARRIERS
from tests.backend.fair import BOX, locker
from tests.backend.ruled import row_of

KeyOf = Callable[[date], bytes]
STANDINGS = (
    *(Carrier(1, 5, False, 200, 90, 12, 3), Carrier(2, 3, False, 100, 50, 0, 0)),
    *(Carrier(3, 2, False, 0, 60, 9, 0), Carrier(4, 1, True, 0, 0, 0, 0)),
    Carrier(5, 0, False, 30, 9, 1, 1),
)
"""Two often do not come, one is new, and one has no weight."""
POLICY = FairShare(
    in_force_from=datetime(2027, 3, 1, 9, tzinfo=UTC), guaranteed_permille=501, cut_offs=("20:00",)
)


def at(day: date) -> datetime:
    """When a day is decided."""
    return datetime(day.year, day.month, day.day, 19, tzinfo=UTC)


def days(
    locker_id: str, rng: random.Random, asked: int, keys: Sequence[date], key_of: KeyOf
) -> Iterator[Decided]:
    """Decide days; what one gave lies there, or is promised, on the next."""
    every = list(locker(rng.choices("SML", (4, 3, 5), k=12), low=3))
    place = Place(locker_id, every=every, usable=every)
    for day in keys:
        now = at(day)
        place.rules = Rules(row_of(POLICY).body, day.isoformat(), STANDINGS)
        desk = Desk(place, now)
        waiting = {
            batches.ticket(CARRIERS[whose], f"opaque:{day}-{n}"): _wanted(rng, whose, now)
            for n, whose in enumerate(rng.choices(range(5), k=asked))
        }
        batch = Batch(day.isoformat(), now, key_of(day))
        answers = batches.decide(desk, batch, waiting, Moment(now, rng.randbytes))
        yield from answers.values()
        given = [(name, one) for name, one in answers.items() if one.use is not None]
        lying, promised = given[: len(given) // 2], given[len(given) // 2 :][:2]
        place = Place(
            locker_id,
            every=every,
            usable=every[len(lying) :],
            head=desk.head,
            revision=desk.revision,
            claims=[
                Live(one.number, waiting[name].request.demand, one.use, chained=True)
                for name, one in promised
            ],
            lying=[one.use for _, one in lying if one.use is not None],
        )


def _wanted(rng: random.Random, whose: int, now: datetime) -> Wanted:
    demand = BOX[rng.choices(("S", "M", "L"), (7, 2, 1))[0]].demand(900)
    needs = ("low",) if rng.random() < 0.15 else ()
    request = Request(msgspec.structs.replace(demand, needs=needs), "hard", False)
    said = {"collect_within_s": 3_600, "deposit_by": instant(now + timedelta(hours=20))}
    return Wanted(CARRIERS[whose], request, said, whose + 1)


def load(engine: Engine, lockers: int, asked: int, *, keys: Sequence[date], key_of: KeyOf) -> None:
    """Put lockers up, announce days, and have each locker decide so many requests on each."""
    with Session(engine.execution_options(writing=True)) as session, session.begin():
        _announce(session, keys, key_of)
    for number in range(lockers):
        locker_id = f"busy-{number}"
        put_up(engine, locker_id, doors=1)
        made = list(days(locker_id, random.Random(number), asked, keys, key_of))
        rows = [one.row for one in made]
        head = {
            "decided": len(rows),
            "decision_hash": batches.hash_of(rows[-1]["body"].encode()),
        }
        with Session(engine.execution_options(writing=True)) as session, session.begin():
            for begin in range(0, len(rows), 1_000):
                insert_all(session, Decision, rows[begin : begin + 1_000])
            session.execute(update(Locker).where(Locker.id == locker_id).values(head))
            for day in keys:
                session.add(
                    CutOff(
                        locker_id=locker_id,
                        at=at(day),
                        day=day,
                        begins_at=_midnight(day),
                        load_permille=950,
                        decided_at=at(day),
                    )
                )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1)


def _announce(session: Session, keys: Sequence[date], key_of: KeyOf) -> None:
    session.add(row_of(POLICY))
    announced_at = datetime(2026, 12, 1, tzinfo=UTC)
    for one in STANDINGS:
        if one.weight:
            session.add(
                Weight(
                    begins_on=date(2027, 1, 1),
                    carrier_number=one.number,
                    weight=one.weight,
                    is_entrant=one.is_entrant,
                    announced_at=announced_at,
                )
            )
        counted = {name: value for name, value in one._asdict().items() if name != "number"}
        for day in keys:
            made_at = _midnight(day) + timedelta(hours=1)
            session.add(StandingRow(day=day, carrier_number=one.number, made_at=made_at, **counted))
    for day in keys:
        session.add(
            AnnouncedDay(
                day=day,
                policy=str(POLICY),
                key_hash=batches.hash_of(key_of(day)),
                announced_at=_midnight(day) - timedelta(hours=3),
                ends_at=_midnight(day) + timedelta(days=1),
            )
        )
