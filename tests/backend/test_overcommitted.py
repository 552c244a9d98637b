"""Where the physical world takes room away: earlier promises are kept, the others diverted."""

from typing import Any

import pytest

from fellesskap_backend.errors import InvalidRequest, NotFound
from fellesskap_backend.lockers import service as lockers
from fellesskap_protocol import events
from tests.backend.api import request, reserve
from tests.backend.lives import Lives


def _out(*numbers: int) -> list[events.Event]:
    return [
        events.ServiceChanged(compartment=number, from_="in", to="out", cause="broken")
        for number in numbers
    ]


def _place(house: Lives, locker_id: str, latitude: float) -> None:
    def work(session: Any) -> None:
        lockers.place(session, locker_id, latitude=latitude, longitude=10.75)

    house.set(work)


def test_in_the_order_of_confirmation_each_is_kept_that_can_be(house: Lives) -> None:
    first, second, third = (house.room(number) for number in (1, 2, 3))
    house.tell(*_out(2), events.Overcommitted(right_ids=(third["right_id"],)))
    states = [house.reservation(one["id"]).state for one in (first, second, third)]
    assert states == ["confirmed", "confirmed", "diverted"]
    assert house.parcel(third["parcel_id"]).state == "diverted"
    assert third["right_id"] not in {right.id for right in house.rights()}
    assert house.claim(third["right_id"]).released_at_revision == house.row().revision
    assert not house.claim(third["right_id"]).released
    house.tell(*_out(3), events.Overcommitted(right_ids=(second["right_id"],)))
    states = [house.reservation(one["id"]).state for one in (first, second, third)]
    assert states == ["confirmed", "diverted", "diverted"]
    assert len(house.notices("reservation.diverted")) == 2


def test_a_diverted_carrier_is_told_the_nearest_lockers_with_room(house: Lives) -> None:
    for number, latitude in enumerate((59.92, 59.91, 59.95, 63.4), start=2):
        house.api.locker(f"oslo-{number}", doors=1)
        _place(house, f"oslo-{number}", latitude)
    _place(house, "oslo-1", 59.9)
    taken = reserve(house.api.carrier("Sydpost"), request(9, locker_id="oslo-3"), "k")
    assert taken.status_code == 201
    answer = house.room()
    house.tell(*_out(1, 2, 3), events.Overcommitted(right_ids=(answer["right_id"],)))
    (notice,) = house.notices("reservation.diverted")
    found = notice.data["alternatives"]
    # 0.01 degrees of latitude are 1.11 km; the one that is full and the one far away are left out.
    assert [(one["locker_id"], one["distance_m"]) for one in found] == [
        ("oslo-2", 2224),
        ("oslo-4", 5560),
    ]


def test_where_everything_fits_nobody_is_diverted(house: Lives) -> None:
    answer = house.room()
    house.tell(events.Overcommitted(right_ids=(answer["right_id"],)))
    assert house.reservation(answer["id"]).state == "confirmed"


def test_a_position_that_is_none_is_refused(house: Lives) -> None:
    with pytest.raises(InvalidRequest):
        _place(house, "oslo-1", 91)
    with pytest.raises(NotFound):
        _place(house, "nowhere", 59)
