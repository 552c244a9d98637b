"""How a reservation ends before its parcel came, or turns soft; capacity follows the journal."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fellesskap_backend.carriers.service import credentials_of
from fellesskap_backend.errors import NotFound, WrongState
from fellesskap_backend.reservations import ending
from fellesskap_backend.reservations.tables import Reservation
from fellesskap_protocol import events
from tests.backend.api import request, reserve
from tests.backend.lives import Lives, ids, soon
from tests.backend.lockers import deposit


def _until(house: Lives, reservation_id: Any, at: datetime) -> None:
    def work(session: Any) -> None:
        session.get(Reservation, reservation_id).reserve_until = at

    house.set(work)


def test_a_cancelled_reservation_frees_its_room_when_the_locker_has_heard(house: Lives) -> None:
    answer = house.room(1)
    for number in (2, 3):
        house.room(number)
    reservation_id, _ = ids(answer)
    for _ in range(2):
        house.do(ending.cancel, house.carrier, reservation_id)
    assert house.reservation(answer["id"]).state == "cancelled"
    assert house.parcel(answer["parcel_id"]).state == "cancelled"
    assert answer["right_id"] not in {right.id for right in house.rights()}
    assert not house.claim(answer["right_id"]).released
    assert reserve(house.client, request(4), "k4").json()["code"] == "locker_full"
    house.applied()
    assert house.claim(answer["right_id"]).released
    assert reserve(house.client, request(5), "k5").status_code == 201
    assert len(house.notices("reservation.cancelled")) == 1
    assert house.history(answer["parcel_id"]) == ["expected", "cancelled"]


def test_a_cancelled_label_can_be_reserved_anew_and_a_late_deposit_is_one(house: Lives) -> None:
    answer = house.room()
    house.do(ending.cancel, house.carrier, ids(answer)[0])
    assert reserve(house.client, request(1), "again").status_code == 201
    house.tell(*deposit(answer))
    assert house.parcel(answer["parcel_id"]).state == "deposited"
    assert house.reservation(answer["id"]).state == "fulfilled"
    assert house.notices("parcel.deposited")[0].data["late"] is True


def test_what_came_or_is_foreign_cannot_be_cancelled(house: Lives) -> None:
    answer = house.room()
    other = credentials_of(house.api.key("Sydpost"))
    with pytest.raises(NotFound):
        house.do(ending.cancel, other, ids(answer)[0])
    house.tell(*deposit(answer))
    with pytest.raises(WrongState):
        house.do(ending.cancel, house.carrier, ids(answer)[0])
    assert house.reservation(answer["id"]).state == "fulfilled"


def test_a_hard_reservation_turns_soft_and_its_room_is_free_when_that_is_applied(
    house: Lives,
) -> None:
    answer = house.room(1)
    for number in (2, 3):
        house.room(number)
    _until(house, ids(answer)[0], datetime.now(UTC) - timedelta(minutes=1))
    house.pass_time()
    reservation = house.reservation(answer["id"])
    assert (reservation.state, reservation.hold) == ("confirmed", "soft")
    right = next(right for right in house.rights() if right.id == answer["right_id"])
    assert (right.kind, right.hold) == ("claim", "soft")
    assert len(house.notices("reservation.softened")) == 1
    assert reserve(house.client, request(4), "k4").json()["code"] == "locker_full"
    house.applied()
    assert house.claim(answer["right_id"]).released
    assert reserve(house.client, request(5), "k5").status_code == 201
    house.pass_time()
    assert len(house.notices("reservation.softened")) == 1
    # It is still good for a deposit, and still expires.
    house.tell(*deposit(answer, 2))
    assert house.reservation(answer["id"]).state == "fulfilled"


def test_a_reservation_turns_soft_only_when_its_time_has_come(house: Lives) -> None:
    answer = house.room()
    _until(house, ids(answer)[0], datetime.now(UTC) + timedelta(hours=1))
    house.pass_time()
    assert house.reservation(answer["id"]).hold == "hard"


def test_at_deposit_by_a_soft_reservation_ends_too(house: Lives) -> None:
    answer = house.room()
    _until(house, ids(answer)[0], datetime.now(UTC) - timedelta(minutes=1))
    house.pass_time()
    house.pass_time(soon())
    assert house.reservation(answer["id"]).state == "expired"
    assert house.parcel(answer["parcel_id"]).state == "expired"
    assert house.rights() == []


def test_a_delivery_that_failed_keeps_its_room_until_its_carrier_gives_it_up(
    house: Lives,
) -> None:
    house.api.locker("oslo-2", doors=1)
    answer = house.room()
    failed = events.DeliveryFailed(right_id=answer["right_id"], reason="no_fitting_compartment")
    house.tell(failed, failed)
    assert house.parcel(answer["parcel_id"]).state == "delivery_failed"
    (notice,) = house.notices("parcel.delivery_failed")
    assert notice.data["reason"] == "no_fitting_compartment"
    assert [one["locker_id"] for one in notice.data["alternatives"]] == ["oslo-2"]
    assert reserve(house.client, request(1, locker_id="oslo-2"), "k2").json()["code"] == (
        "duplicate_parcel"
    )
    house.do(ending.cancel, house.carrier, ids(answer)[0])
    assert house.parcel(answer["parcel_id"]).state == "delivery_failed"
    assert reserve(house.client, request(1, locker_id="oslo-2"), "k3").status_code == 201


def test_a_courier_who_comes_back_delivers_what_had_failed(house: Lives) -> None:
    answer = house.room()
    house.tell(events.DeliveryFailed(right_id=answer["right_id"], reason="no_fitting_compartment"))
    house.tell(*deposit(answer))
    assert house.parcel(answer["parcel_id"]).state == "deposited"
    assert house.reservation(answer["id"]).state == "fulfilled"
