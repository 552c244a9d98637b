"""What a carrier is known by each day: what it holds, what lay for it, to whom nobody came."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete

from fellesskap_backend.db import Moment
from fellesskap_backend.policies import standings
from fellesskap_backend.policies.tables import StandingRow
from fellesskap_protocol import events
from tests.backend.api import Api, request, reserve
from tests.backend.lives import Lives, lapse, soon
from tests.backend.lockers import collect, deposit
from tests.backend.ruled import put_in_force

HOUR = timedelta(hours=1)
SQLITE = pytest.mark.parametrize("owned", ["sqlite"], indirect=True)


def standing(api: Api, number: int = 1) -> StandingRow:
    (row,) = [one for one in api.rows(StandingRow) if one.carrier_number == number]
    return row


def made_on(api: Api, at: datetime) -> StandingRow:
    api.change(lambda session: session.execute(delete(StandingRow)))
    api.change(lambda session: standings.make(session, Moment(at)))
    return standing(api)


def test_standings_are_made_once_a_day_for_every_carrier(api: Api) -> None:
    for name in ("Nordpost", "Sydpost", "Vestpost"):
        api.carrier(name)
    assert api.change(lambda session: standings.make(session, Moment(datetime.now(UTC)))) == 0
    policy = put_in_force(api.engine, {1: 3, 3: 1})
    rows = sorted(api.rows(StandingRow), key=lambda row: row.carrier_number)
    assert [(row.carrier_number, row.weight) for row in rows] == [(1, 3), (2, 0), (3, 1)]
    assert {row.day for row in rows} == {policy.local(datetime.now(UTC)).date()}
    now = datetime.now(UTC)
    assert api.change(lambda session: standings.make(session, Moment(now))) == 0
    tomorrow = Moment(now + timedelta(days=1))
    assert api.change(lambda session: standings.make(session, tomorrow)) == 3


def test_a_parcel_that_lies_is_remembered_for_28_days(house: Lives) -> None:
    api = house.api
    put_in_force(api.engine, {1: 1})
    made = house.room(1)
    *opened, put_in = deposit(made, 1)
    house.tell(*opened)
    now = datetime.now(UTC)
    house.tell_at(now, put_in)
    assert standing(api).memory_permille == 0, "today is not over"
    later = made_on(api, now + timedelta(days=15))
    assert 1_000 * 14 / 28 / 3 - 1 <= later.memory_permille <= 1_000 * 15 / 28 / 3, "of 28 days"
    assert (later.holds, later.no_shows) == (1, 0)
    house.tell(*collect(made, 1))
    assert made_on(api, now + timedelta(days=15)).memory_permille <= 1
    assert made_on(api, now + timedelta(days=60)).holds == 0


def test_nobody_came_counts_and_what_was_the_lockers_fault_does_not(house: Lives) -> None:
    api = house.api
    put_in_force(api.engine, {1: 1})
    later = datetime.now(UTC) + timedelta(days=3)
    lapse(house, 1, served=None)
    row = made_on(api, later)
    assert (row.holds, row.no_shows, row.excused) == (1, 1, 1), "it was out of contact"
    house.applied()
    lapse(house, 2)
    row = made_on(api, later)
    assert (row.holds, row.no_shows, row.excused) == (2, 2, 0), "it was there, as it proves now"
    house.applied()
    tried = house.room(3)
    house.tell(events.DeliveryFailed(right_id=tried["right_id"], reason="too_small"))
    house.pass_time(soon())
    row = made_on(api, later)
    assert (row.holds, row.no_shows, row.excused) == (3, 3, 1), "a courier stood there"


def counted(api: Api, at: datetime) -> tuple[int, int, int]:
    row = made_on(api, at)
    return row.holds, row.no_shows, row.excused


def test_reserving_and_cancelling_changes_no_standing(house: Lives) -> None:
    """Else who does not come would reserve for nothing until its rate is low."""
    api = house.api
    put_in_force(api.engine, {1: 1})
    days = [datetime.now(UTC) + timedelta(days=one) for one in (1, 3, 27)]
    lapse(house, 1)
    house.applied()
    before = [counted(api, day) for day in days]
    assert before == [(1, 1, 0)] * 3
    made = [house.room(number) for number in (2, 3)]
    assert [counted(api, day) for day in days] == before, "what still waits tells nothing"
    for one in made:
        house.client.delete(f"/v1/reservations/{one['id']}").raise_for_status()
    assert {house.reservation(one["id"]).state for one in made} == {"cancelled"}
    assert [counted(api, day) for day in days] == before


@SQLITE
def test_a_claim_that_waits_longer_than_is_remembered_counts_when_it_has_ended(
    house: Lives,
) -> None:
    api, now = house.api, datetime.now(UTC)
    put_in_force(api.engine, {1: 1})
    late = (now + timedelta(days=29)).isoformat()
    reserve(house.client, request(1, deposit_by=late), "late").raise_for_status()
    house.pass_time(now + timedelta(days=29, hours=1))
    assert [counted(api, now + timedelta(days=one))[0] for one in (28, 31, 56, 59)] == [0, 1, 1, 0]
