"""Lockers that live under `fair-share`, through the services: who is entitled is given room."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend import secrets as kept_secrets
from fellesskap_backend.carriers import service as carriers
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.db import Moment
from fellesskap_backend.idempotency import Attempt
from fellesskap_backend.lockers import room
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.neutrality.counting import Span
from fellesskap_backend.neutrality.counting import count as count_month
from fellesskap_backend.neutrality.month import month_of, name_at
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.receipts.replaying import Replay
from fellesskap_backend.reservations import ending
from fellesskap_backend.reservations.tables import Claim
from fellesskap_backend.reservations.wishes import ReservationRequest
from fellesskap_backend.settings import Settings
from fellesskap_protocol.capacity import Demand, served
from tests.backend.api import Json, put_up, request
from tests.backend.ruled import put_in_force
from tests.one_request import reserve

DOORS = 10
QUOTAS = {0: 3, 1: 2, 2: 1}
"""Of ten doors six are guaranteed, by these weights."""
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)
Act = tuple[str, int]
ACTS = st.tuples(
    st.sampled_from(("ask", "ask", "ask", "ask", "cancel", "apply", "put in", "take out")),
    st.integers(0, 29),
)
_numbers = count(1)


class World:
    """One installation, three carriers, and a locker anew for each walk."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.engine = engine
        self.secrets = kept_secrets.load(settings.state)
        self.keys: list[Credentials] = []
        for name in ("Nordpost", "Sydpost", "Vestpost"):
            moment = Moment(datetime.now(UTC))
            _, key = self.do(lambda session, n=name, m=moment: carriers.add_carrier(session, n, m))
            self.keys.append(carriers.credentials_of(key))
        put_in_force(engine, {number + 1: weight for number, weight in QUOTAS.items()})

    def do(self, work: Any) -> Any:
        return db.run(self.engine, work)

    def walk(self, acts: Sequence[Act]) -> Counter[str]:
        """Live through some acts; return how each request was answered."""
        locker = Locker(self)
        answers: Counter[str] = Counter()
        for what, chance in acts:
            if what == "ask":
                answers[locker.ask(chance % 3)] += 1
            else:
                locker.act(what, chance)
            locker.check()
        return answers


class Locker:
    """A locker of ten doors, and what was reserved there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id = f"walk-{next(_numbers)}"
        put_up(world.engine, self.id, doors=DOORS, floor_mm=1300)
        self.made: list[tuple[int, Json]] = []

    def ask(self, carrier: int) -> str:
        """Ask for a small door; whoever has less than its part is not refused."""
        number = next(_numbers)
        before = self.used()[carrier]
        asked = ReservationRequest.model_validate(request(number, locker_id=self.id)).asked(
            Attempt("POST /v1/reservations", f"k{number}", "asked")
        )
        answered = self.world.do(
            lambda session: reserve(
                session,
                self.world.keys[carrier],
                asked,
                secrets=self.world.secrets,
                moment=Moment(datetime.now(UTC)),
            )
        )
        if answered.status == 201:
            self.made.append((carrier, answered.body))
            return "confirmed"
        assert before >= QUOTAS[carrier], f"{answered.body['reason']} below its quota"
        if answered.body["reason"] == "quota_exceeded":
            assert (answered.body["quota"], answered.body["used"]) == (QUOTAS[carrier], before)
        return str(answered.body["reason"])

    def act(self, what: str, chance: int) -> None:
        if what == "apply":
            self.apply()
        elif self.made:
            carrier, answer = self.made[chance % len(self.made)]
            if what == "cancel":
                self.cancel(carrier, answer)
            elif what == "put in":
                self.put_in(answer)
            else:
                self.take_out(answer)

    def cancel(self, carrier: int, answer: Json) -> None:
        """Take a reservation back, if its parcel has not come."""
        key, moment = self.world.keys[carrier], Moment(datetime.now(UTC))
        if self.state(answer) == "expected":
            self.world.do(
                lambda session: ending.cancel(session, key, UUID(answer["id"]), moment=moment)
            )

    def apply(self) -> None:
        """Let the locker have heard of all that was taken away."""
        gone = Claim.released_at_revision.is_not(None)
        of_it = update(Claim).where(Claim.locker_id == self.id, gone).values(released=True)
        self.world.do(lambda session: session.execute(of_it))

    def put_in(self, answer: Json) -> None:
        if self.state(answer) == "expected":
            free = [row.number for row in self.doors() if row.content == "empty"]
            self.move(answer, "deposited", free[0])

    def take_out(self, answer: Json) -> None:
        if self.state(answer) == "deposited":
            self.move(answer, "collected", None)

    def move(self, answer: Json, act: str, door: int | None) -> None:
        """Let an event of the edge happen, as the ledger does."""

        def work(session: Session) -> None:
            locker = locked(session, self.id)
            assert locker is not None
            cause = Cause.now(session, locker, Moment(datetime.now(UTC)))
            parcel = session.get_one(Parcel, UUID(answer["parcel_id"]))
            facts = Facts(door if door is not None else parcel.compartment, "door")
            assert moving.move(cause, parcel, act, facts) is not None

        self.world.do(work)

    def check(self) -> None:
        """Everything that is promised can be served together (I2)."""
        usable = [row for row in self.doors() if row.content == "empty"]
        rows = self.rows(Claim)
        live = [row for row in rows if not row.released]
        demands = [Demand(row.w_mm, row.h_mm, row.d_mm, row.g, tuple(row.needs)) for row in live]
        assert served(demands, [room.geometry(row) for row in usable]) == len(live)

    def used(self) -> Counter[int]:
        """Count what each carrier has: by its claims, and by the parcels that lie there."""
        claims = [row.carrier_number for row in self.rows(Claim) if not row.released]
        lying = [row.used_by for row in self.doors() if row.used_by is not None]
        return Counter(number - 1 for number in (*claims, *lying))

    def state(self, answer: Json) -> str:
        with db.reader(self.world.engine) as session:
            return session.get_one(Parcel, UUID(answer["parcel_id"])).state

    def doors(self) -> list[Compartment]:
        return self.rows(Compartment)

    def rows(self, model: Any) -> list[Any]:
        with db.reader(self.world.engine) as session:
            return list(session.scalars(select(model).where(model.locker_id == self.id)))


@pytest.fixture
def world(settings: Settings, engine: Engine) -> World:
    return World(settings, engine)


@SQLITE
@settings(
    max_examples=20,
    deadline=timedelta(seconds=30),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=st.lists(ACTS, min_size=10, max_size=40))
def test_nobody_is_refused_below_its_quota_while_it_is_kept(world: World, acts: list[Act]) -> None:
    world.walk(acts)


def test_a_long_walk_refuses_those_who_have_their_part_and_is_derived_again(world: World) -> None:
    rng = random.Random(4)
    kinds = ("ask", "ask", "ask", "ask", "cancel", "apply", "put in", "take out")
    acts = [(rng.choice(kinds), rng.randrange(30)) for _ in range(150)]
    answers = world.walk(acts)
    assert set(answers) == {"confirmed", "quota_exceeded", "locker_full"}
    found = world.do(lambda session: Replay(session, world.secrets).run())
    assert found["altered"] == []
    assert found["decisions"] == answers.total()
    assert complaints(world) == (0, 0), "while all is kept nobody may complain"


def complaints(world: World) -> tuple[int, int]:
    """Count as the monthly report does: unexplained complaints, and all of them."""
    now = datetime.now(UTC) + timedelta(minutes=1)
    months = {name_at(at) for at in (now - timedelta(hours=1), now)}
    spans = [Span.of(month_of(name), now) for name in sorted(months)]
    figures = [
        one
        for span in spans
        for one in world.do(lambda session, span=span: count_month(session, span)).figures.values()
    ]
    assert sum(one.requested for one in figures) > 0
    return sum(one.unexplained for one in figures), sum(one.complaints for one in figures)
