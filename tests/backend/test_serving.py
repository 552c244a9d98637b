"""Proofs of service over the rows: kept compactly, and times to collect that follow them."""

from datetime import UTC, datetime, timedelta

from fellesskap_backend.parcels.tables import Parcel, ServingInterval
from fellesskap_protocol import events
from tests.backend.lives import Lives
from tests.backend.lockers import deposit

HOUR = timedelta(hours=1)
THREE_DAYS = timedelta(days=3)


def _put_in(house: Lives, at: datetime, compartment: int = 1, *, clock: str = "trusted") -> Parcel:
    answer = house.room(compartment)
    house.tell_at(at, deposit(answer, compartment)[-1], clock=clock)
    return house.parcel(answer["parcel_id"])


def _collect_by(house: Lives, parcel: Parcel) -> datetime:
    found = house.parcel(str(parcel.id)).collect_by
    assert found is not None
    return found


def test_uninterrupted_service_is_one_row_and_moves_nothing(house: Lives) -> None:
    begin = datetime.now(UTC) - timedelta(hours=3)
    house.serve(begin, begin + HOUR)
    parcel = _put_in(house, begin + HOUR)
    assert parcel.collect_by == begin + HOUR + THREE_DAYS
    house.serve(begin + HOUR, begin + 2 * HOUR)
    house.serve(begin + 2 * HOUR, begin + 3 * HOUR)
    (row,) = house.api.rows(ServingInterval)
    assert (row.began_at, row.ended_at) == (begin, begin + 3 * HOUR)
    assert _collect_by(house, parcel) == begin + HOUR + THREE_DAYS


def test_time_in_which_its_board_was_silent_is_given_back(house: Lives) -> None:
    begin = datetime.now(UTC) - timedelta(hours=9)
    dark, lit = _put_in(house, begin, 1), _put_in(house, begin, 2)
    house.serve(begin, begin + HOUR)
    house.serve(begin + HOUR, begin + 3 * HOUR, doors=(2, 3))
    house.serve(begin + 3 * HOUR, begin + 4 * HOUR)
    assert _collect_by(house, dark) == begin + THREE_DAYS + 2 * HOUR
    assert _collect_by(house, lit) == begin + THREE_DAYS


def test_time_in_which_the_daemon_was_down_is_given_back(house: Lives) -> None:
    begin = datetime.now(UTC) - timedelta(hours=9)
    parcel = _put_in(house, begin)
    house.serve(begin, begin + HOUR)
    house.serve(begin + 6 * HOUR, begin + 7 * HOUR)
    assert _collect_by(house, parcel) == begin + THREE_DAYS + 5 * HOUR


def test_a_proof_that_comes_late_takes_back_what_was_given(house: Lives) -> None:
    begin = datetime.now(UTC) - timedelta(hours=9)
    parcel = _put_in(house, begin)
    house.serve(begin, begin + HOUR)
    house.serve(begin + 6 * HOUR, begin + 7 * HOUR)
    house.serve(begin + 2 * HOUR, begin + 4 * HOUR)
    assert _collect_by(house, parcel) == begin + THREE_DAYS + 3 * HOUR


def test_a_deposit_by_a_clock_that_is_not_believed_begins_when_it_is_recorded(
    house: Lives,
) -> None:
    before = datetime.now(UTC)
    parcel = _put_in(house, before - timedelta(days=300), clock="untrusted")
    assert parcel.deposited_at is not None
    assert before <= parcel.deposited_at <= datetime.now(UTC)
    assert parcel.collect_by == parcel.deposited_at + THREE_DAYS


def test_days_offline_are_no_pause_once_the_journal_tells_them(house: Lives) -> None:
    now = datetime.now(UTC)
    begin = now - timedelta(days=4)
    parcel = _put_in(house, begin)
    house.serve(begin, begin + timedelta(days=2))
    house.pass_time(now)
    assert house.parcel(str(parcel.id)).state == "deposited"
    house.serve(begin + timedelta(days=2), now)
    assert _collect_by(house, parcel) == begin + THREE_DAYS
    house.pass_time(datetime.now(UTC))
    assert house.parcel(str(parcel.id)).state == "overdue"


def test_nothing_is_overdue_while_an_older_journal_is_still_coming(house: Lives) -> None:
    """The parcel was collected in what the next batch brings: it never was overdue."""
    now = datetime.now(UTC)
    begin = now - timedelta(days=5)
    parcel = _put_in(house, begin)
    house.serve(begin, begin + timedelta(days=4))
    assert _collect_by(house, parcel) == begin + THREE_DAYS
    house.pass_time(now)
    assert house.parcel(str(parcel.id)).state == "deposited"


def test_an_interval_that_proves_nothing_is_no_row(house: Lives) -> None:
    future = datetime.now(UTC) + HOUR
    house.tell_at(future, events.Serving(compartments=(1,), from_=future, to=future + HOUR))
    assert house.api.rows(ServingInterval) == []
    assert house.row().served_until is None
