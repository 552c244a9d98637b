"""A town of lockers that decide at cut-offs: services on a real database, all time an argument."""

import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from fellesskap_backend import db, secrets
from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.service import Credentials, credentials_of
from fellesskap_backend.cut_offs import announcing, deciding
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import Base, Moment
from fellesskap_backend.decisions import batches
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.idempotency import Answered, attempt
from fellesskap_backend.policies import standings
from fellesskap_backend.policies.tables import Weight
from fellesskap_backend.receipts.replaying import Replay
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_backend.reservations.wishes import ReservationRequest
from fellesskap_backend.secrets import Secrets
from fellesskap_backend.settings import Settings
from tests.backend.api import put_up
from tests.backend.ruled import row_of
from tests.one_request import OPERATION, reserve

Json = dict[str, Any]
DAY = date(2027, 3, 2)
MIDNIGHT = datetime(2027, 3, 1, 23, tzinfo=UTC)
"""When that day begins in Oslo."""
NOON = datetime(2027, 3, 2, 11, tzinfo=UTC)
CUT_OFF = datetime(2027, 3, 2, 19, tzinfo=UTC)
POLICY = FairShare(in_force_from=datetime(2027, 2, 1, tzinfo=UTC))
SECOND = timedelta(seconds=1)


def share(
    session: Session, weights: Mapping[str, int], now: datetime, policy: FairShare = POLICY
) -> None:
    """Put a policy in force that shares by weights, given in the order of the carriers."""
    session.add(row_of(policy))
    for number, weight in enumerate(weights.values(), start=1):
        session.add(
            Weight(
                begins_on=now.date() - timedelta(days=30),
                carrier_number=number,
                weight=weight,
                is_entrant=False,
                announced_at=now - timedelta(days=60),
            )
        )
    session.flush()
    standings.make(session, Moment(now))


def announce(
    session: Session,
    kept: Secrets,
    locker_id: str | None,
    begins_at: datetime,
    at: datetime,
    policy: FairShare = POLICY,
) -> None:
    """Announce a day, and that a locker decides at a time of it and at none before."""
    day = at.date()
    if locker_id is not None:
        session.add(
            CutOff(locker_id=locker_id, at=at, day=day, begins_at=begins_at, load_permille=1_000)
        )
    if session.get(AnnouncedDay, day) is None:
        session.add(
            AnnouncedDay(
                day=day,
                policy=str(policy),
                key_hash=batches.hash_of(batches.key_of(kept.k_master, day)),
                announced_at=begins_at - timedelta(hours=5),
                ends_at=begins_at + timedelta(days=1),
            )
        )


class Town:
    """One installation with carriers by name, each of a weight."""

    def __init__(
        self,
        engine: Engine,
        secrets: Secrets,
        weights: Mapping[str, int],
        policy: FairShare = POLICY,
    ) -> None:
        self.engine, self.secrets = engine, secrets
        self._rng = random.Random(1)
        self.keys: dict[str, Credentials] = {}
        self.ids: dict[str, Any] = {}
        with db.writing(engine) as session:
            for name in weights:
                carrier_id, key = carriers.add_carrier(session, name, self.moment(NOON))
                self.keys[name], self.ids[name] = credentials_of(key), carrier_id
            share(session, weights, MIDNIGHT + SECOND, policy)

    def moment(self, now: datetime) -> Moment:
        return Moment(now, self._rng.randbytes)

    def put_up(self, locker_id: str, doors: int, *, busy: bool = True, low: bool = False) -> None:
        """Put a locker up, at which this day is decided at its cut-off."""
        put_up(self.engine, locker_id, doors=doors, floor_mm=400 if low else 1300)
        with db.writing(self.engine) as session:
            announce(session, self.secrets, locker_id if busy else None, MIDNIGHT, CUT_OFF)

    def ask(
        self, who: str, label: str, locker_id: str, now: datetime = NOON, **fields: Any
    ) -> Answered:
        """Ask for room for a small parcel, under a key that is its label unless one is given."""
        key = fields.pop("key", label)
        body = {
            "locker_id": locker_id,
            "label": {"kind": "reference", "value": label},
            "dimensions": {"w_mm": 300, "h_mm": 100, "d_mm": 200, "g": 900},
            "deposit_by": (CUT_OFF + timedelta(days=1)).isoformat(),
            "collect_within": "P3D",
            **fields,
        }
        text = msgspec.json.encode(body).decode()
        asked = ReservationRequest.model_validate(body).asked(attempt(OPERATION, key, text))
        work = partial(
            reserve,
            credentials=self.keys[who],
            asked=asked,
            secrets=self.secrets,
            moment=self.moment(now),
        )
        answered: Answered = self.run(work)
        return answered

    def cut(self, now: datetime = CUT_OFF) -> int:
        """Decide what is due, as the worker does; say how many cut-offs that were."""
        found = db.read(self.engine, lambda session: deciding.due(session, now))
        for one in found:
            self.run(
                lambda session, one=one: deciding.decide(
                    session, one, self.moment(now), secrets=self.secrets
                )
            )
        return len(found)

    def announce(self, now: datetime) -> int | None:
        found: int | None = self.run(
            lambda session: announcing.announce(session, self.moment(now), secrets=self.secrets)
        )
        return found

    def run(self, work: Any) -> Any:
        return db.run(self.engine, work)

    def rows(self, model: type[Base]) -> list[Any]:
        with db.reader(self.engine) as session:
            return list(session.scalars(select(model)))

    def answers(self, locker_id: str) -> dict[str, tuple[str, str | None, str | None]]:
        """Return state, reason and part of every reservation at a locker, by its label."""
        with db.reader(self.engine) as session:
            rows = session.scalars(select(Reservation).where(Reservation.locker_id == locker_id))
            return {row.label_value: (row.state, row.reject_reason, row.part) for row in rows}

    def bodies(self, locker_id: str) -> list[Json]:
        """Return what was written of a locker's decisions, in order."""
        rows = [row for row in self.rows(Decision) if row.locker_id == locker_id]
        return [msgspec.json.decode(row.body) for row in sorted(rows, key=lambda row: row.number)]

    def told(self, who: str) -> list[tuple[str, Json]]:
        """Return a carrier's notices, as they were written."""
        rows = sorted(self.rows(Notice), key=lambda row: row.number)
        return [(row.type, row.data) for row in rows if row.carrier_id == self.ids[who]]

    def replayed(self, locker_id: str | None = None) -> list[str]:
        def work(session: Session) -> list[str]:
            return Replay(session, self.secrets).run(locker_id)["altered"]

        return db.read(self.engine, work)


@contextmanager
def two_alike(
    states: Sequence[Path], migrated: Path, weights: Mapping[str, int]
) -> Iterator[list[Town]]:
    """Begin two installations with the same secrets, carriers and rules."""
    towns = []
    for state in states:
        state.mkdir(exist_ok=True)
        settings = Settings(state=state)
        shutil.copyfile(migrated, settings.database_url.removeprefix("sqlite:///"))
        towns.append(Town(db.engine(settings), secrets.load(states[0]), weights))
    yield towns
    for one in towns:
        one.engine.dispose()
