"""To which claims nobody came, and whose fault that was: standings and the report say the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.neutrality.closing import count_due, keep
from fellesskap_backend.neutrality.counting import Span, count
from fellesskap_backend.neutrality.month import WAIT, month_of, name_at
from fellesskap_backend.neutrality.recounting import differing
from fellesskap_backend.neutrality.tables import NeutralFigures
from fellesskap_backend.policies import standings
from fellesskap_backend.policies.tables import StandingRow
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_protocol import events
from tests.backend.lives import HOUR, Lives, lapse
from tests.backend.lockers import deposit
from tests.backend.ruled import put_in_force

pytestmark = pytest.mark.slow


def tried(house: Lives) -> None:
    """Have a courier stand there in vain before a claim lapses."""
    made = lapse(house, 1)
    house.tell(events.DeliveryFailed(right_id=made["right_id"], reason="too_small"))


def closed(house: Lives) -> None:
    """Have an operator take the locker out of service while a claim waits there."""
    house.room(1)
    operator = house.api.operator()
    path = "/v1/operator/lockers/oslo-1/service"
    match = {"If-Match": operator.get(path).headers["etag"]}
    body = {"state": "out_of_service", "reason": "the site is closed"}
    operator.put(path, json=body, headers=match).raise_for_status()


def cancelled(house: Lives) -> None:
    made = house.room(1)
    house.client.delete(f"/v1/reservations/{made['id']}").raise_for_status()


def waited(house: Lives) -> None:
    """Leave the row of a request whose cut-off was never decided: it held nothing."""
    lapse(house, 1)
    house.set(lambda session: session.execute(update(Reservation).values(use_size=None)))


CASES: dict[str, tuple[Callable[[Lives], object], tuple[int, int, int]]] = {
    "nobody came": (lambda house: lapse(house, 1), (1, 1, 0)),
    "no proof that the locker served": (lambda house: lapse(house, 1, served=None), (1, 1, 1)),
    "it served until two hours before the end": (
        lambda house: lapse(house, 1, served=(-4, -2)),
        (1, 1, 1),
    ),
    "it turned soft, and the locker served until then": (
        lambda house: lapse(house, 1, served=(-4, -2), soft_at=-2),
        (1, 1, 0),
    ),
    "it turned soft, and the locker served only later": (
        lambda house: lapse(house, 1, served=(-2, 0), soft_at=-2),
        (1, 1, 1),
    ),
    "a courier stood there": (tried, (1, 1, 1)),
    "the locker was closed": (closed, (1, 1, 1)),
    "its carrier cancelled it": (cancelled, (0, 0, 0)),
    "it was never decided": (waited, (0, 0, 0)),
    "a parcel came": (lambda house: house.tell(*deposit(house.room(1), 1)), (1, 0, 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_claim_counts_alike_in_standings_and_in_the_report(house: Lives, case: str) -> None:
    put_in_force(house.api.engine, {1: 1})
    happens, expected = CASES[case]
    happens(house)
    later = datetime.now(UTC) + timedelta(days=3)

    def stands(session: Session) -> tuple[int, int, int]:
        standings.make(session, Moment(later))
        newest = select(StandingRow).order_by(StandingRow.day.desc()).limit(1)
        row = session.scalars(newest).one()
        return row.holds, row.no_shows, row.excused

    def reported(session: Session) -> int:
        months = {name_at(datetime.now(UTC) + timedelta(days=one)) for one in (-1, 0, 1, 3)}
        found = [count(session, Span.of(month_of(one), later)) for one in months]
        return sum(one.of(house.carrier_id).no_shows for one in found)

    assert house.api.change(stands) == expected
    assert house.api.change(reported) == expected[1] - expected[2]


def late_proof(house: Lives) -> None:
    now = datetime.now(UTC)
    house.serve(now - 4 * HOUR, now)


def late_deposit(house: Lives) -> None:
    (row,) = house.api.rows(Reservation)
    parcel = {"right_id": str(row.right_id), "parcel_id": str(row.parcel_id)}
    house.tell(*deposit(parcel, 1))
    assert house.reservation(str(row.id)).state == "fulfilled"


@pytest.mark.parametrize(
    ("served", "no_shows", "told"),
    [(None, 0, late_proof), ((-4, 0), 1, late_deposit)],
    ids=["that the locker served", "that a parcel came"],
)
def test_a_month_that_was_kept_stands_whatever_journals_say_later(
    house: Lives, served: tuple[int, int] | None, no_shows: int, told: Callable[[Lives], None]
) -> None:
    lapse(house, 1, served=served)
    moment = Moment(month_of(name_at(datetime.now(UTC) - HOUR)).ends + WAIT)
    counted = house.api.change(lambda session: count_due(session, moment))
    assert counted is not None
    house.set(lambda session: keep(session, counted, moment))
    (row,) = house.api.rows(NeutralFigures)
    assert row.figures["no_shows"] == no_shows

    def altered() -> list[str]:
        return house.api.change(lambda session: list(differing(session)))

    told(house)
    assert altered() == []
    more = update(NeutralFigures).values(figures=row.figures | {"no_shows": 2})
    house.set(lambda session: session.execute(more))
    named = f"month {row.month}: carrier {house.carrier_id}"
    assert altered() == [f"{named}: not its no-shows"]
    spoilt = update(NeutralFigures).values(figures=row.figures | {"served": "many"})
    house.set(lambda session: session.execute(spoilt))
    assert altered() == [f"{named}: altered"]
