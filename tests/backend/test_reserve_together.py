"""Requests that share a transaction are answered as if each had come after the other."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from fellesskap_backend import db
from fellesskap_backend.carriers.service import Credentials, credentials_of
from fellesskap_backend.db import Moment
from fellesskap_backend.decisions import service as decisions
from fellesskap_backend.errors import BackendError
from fellesskap_backend.idempotency import Answer, attempt
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.reservations import service
from fellesskap_backend.reservations.answering import Counter, Told
from fellesskap_backend.reservations.confirmed import Asked
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.reservations.wishes import ReservationRequest
from fellesskap_backend.rights.tables import Right, RightCode
from tests.backend.api import Api, put_up, request, reserve
from tests.one_request import OPERATION
from tests.system.house import wait_for

_turns = itertools.count(1)
DOORS = 2


class Wish(NamedTuple):
    """A request; lockers, labels and keys by number, so that two carriers can ask for the same."""

    locker: int
    label: int
    key: int
    height_mm: int
    days: int
    code_at: str
    hold: str


WISHES = st.builds(
    Wish,
    locker=st.integers(0, 2),
    label=st.integers(0, 3),
    key=st.integers(0, 5),
    height_mm=st.sampled_from([100, 100, 100, 900]),
    days=st.sampled_from([1, 1, 1, -1]),
    code_at=st.sampled_from(["deposit", "reservation"]),
    hold=st.sampled_from(["hard", "hard", "soft"]),
)


class House:
    """An installation in which two carriers ask for the same at lockers of their own."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.keys = [credentials_of(api.key(name)) for name in ("Nordpost", "Sydpost")]

    def asked(self, turn: str, wish: Wish, now: datetime) -> Asked:
        body = request(
            locker_id="nowhere" if wish.locker == 2 else f"{turn}-{wish.locker}",
            label={"kind": "reference", "value": f"{turn}-{wish.label}"},
            dimensions={"w_mm": 300, "h_mm": wish.height_mm, "d_mm": 200, "g": 900},
            deposit_by=(now + timedelta(days=wish.days)).isoformat(),
            code_at=wish.code_at,
            hold=wish.hold,
        )
        tried = attempt(OPERATION, f"{turn}-{wish.key}", repr(wish))
        return ReservationRequest.model_validate(body).asked(tried)

    def answers(self, key: Credentials, every: list[Asked], now: datetime) -> list[Told]:
        """Answer them in one transaction."""

        def work(session: Session) -> list[Told]:
            return service.reserve_all(Counter(session, self.api.secrets, Moment(now)), key, every)

        return db.run(self.api.callers, work)

    def rows(self, turn: str) -> list[int]:
        """Count the rows of a turn's lockers and keys."""

        def count(session: Session) -> list[int]:
            of_lockers = [
                session.scalar(select(func.count()).where(model.locker_id.startswith(f"{turn}-")))
                or 0
                for model in (Reservation, Claim, Right, RightCode)
            ]
            answers = select(func.count()).where(Answer.key.startswith(f"{turn}-"))
            revisions = select(func.sum(Locker.revision)).where(Locker.id.startswith(f"{turn}-"))
            return [*of_lockers, session.scalar(answers) or 0, session.scalar(revisions) or 0]

        return db.read(self.api.engine, count)


def shown(every: list[Told]) -> list[Any]:
    """Return what was told without what differs between two carriers: ids, codes, times."""
    first: dict[str, int] = {}
    found: list[Any] = []
    for at, told in enumerate(every):
        if isinstance(told, BackendError):
            found.append((type(told).__name__, told.problem()["code"]))
            continue
        body = told.body
        name = str(body.get("id") or body.get("decision_id"))
        found.append(
            (
                *(told.status, told.replayed, body.get("state"), body.get("reason")),
                first.setdefault(name, at),
                "pickup_code" in body,
                "addition" in body,
            )
        )
    return found


_WRONG = Wish(0, 0, 0, height_mm=100, days=-1, code_at="deposit", hold="hard")
_AGAIN = _WRONG._replace(label=1, days=1)


@given(st.lists(WISHES, min_size=1, max_size=10))
@example([_WRONG, _AGAIN, _AGAIN._replace(key=1)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_together_is_one_after_another(house: House, wishes: list[Wish]) -> None:
    number, now = next(_turns), datetime.now(UTC)
    alone, together = f"one{number}", f"all{number}"
    for turn in (alone, together):
        for locker in (0, 1):
            put_up(house.api.engine, f"{turn}-{locker}", doors=DOORS)
    one_by_one = [
        told
        for wish in wishes
        for told in house.answers(house.keys[0], [house.asked(alone, wish, now)], now)
    ]
    at_once = house.answers(
        house.keys[1], [house.asked(together, wish, now) for wish in wishes], now
    )
    assert shown(at_once) == shown(one_by_one)
    assert house.rows(together) == house.rows(alone)


@pytest.fixture
def house(api: Api) -> Iterator[House]:
    yield House(api)
    assert api.change(decisions.verify)["altered"] == []


def test_many_at_the_same_moment_are_each_answered(api: Api) -> None:
    api.locker("many-1", doors=20)
    api.locker("many-2", doors=20)
    key = api.key()
    commits: list[object] = []

    @event.listens_for(api.callers, "commit")
    def _count(connection: object) -> None:
        commits.append(connection)

    def ask(number: int) -> tuple[int, str]:
        body = request(number, locker_id=f"many-{1 + number % 2}", code_at="reservation")
        answer = reserve(api.client(key), body, f"k{number}")
        said = answer.json()
        assert answer.headers["location"] == f"/v1/reservations/{said['id']}"
        assert said["label"] == body["label"]
        return answer.status_code, said["pickup_code"]

    with ThreadPoolExecutor(16) as people:
        told = list(people.map(ask, range(40)))
    event.remove(api.callers, "commit", _count)
    assert {status for status, _ in told} == {201}
    assert len({code for _, code in told}) == 40
    assert len(commits) < 40, "none of them shared a transaction"
    assert api.change(decisions.verify)["altered"] == []


def test_who_waits_for_a_locked_locker_holds_nobody_up(api: Api) -> None:
    if api.engine.dialect.name == "sqlite":
        return  # it has one writer at a time
    api.locker("free-1", doors=3)
    key = api.key()
    with ThreadPoolExecutor(1) as people, db.writing(api.engine) as session:
        session.get(Locker, "oslo-1", with_for_update=True)
        waiting = people.submit(reserve, api.client(key), request(1), "k1")
        wait_for("a wait for the lock", lambda: _waits(api))
        free = reserve(api.client(key), request(2, locker_id="free-1"), "k2")
        assert free.status_code == 201
        assert not waiting.done()
        session.commit()
        assert waiting.result(20).status_code == 201


def _waits(api: Api) -> bool:
    asked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with api.engine.connect() as connection:
        return bool(connection.execute(asked).scalar())
