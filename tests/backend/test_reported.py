"""What people say at the kiosk: empty, occupied, broken, not mine, too small."""

from typing import Any, Literal

import pytest

from fellesskap_protocol import events
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit


def _lying(house: Lives) -> dict[str, Any]:
    answer = house.room()
    house.tell(*deposit(answer))
    return answer


@pytest.mark.parametrize("what", ["empty", "not_me"])
def test_what_a_recipient_misses_is_in_dispute(
    house: Lives, what: Literal["empty", "not_me"]
) -> None:
    answer = _lying(house)
    house.tell(events.Reported(what=what, compartment=1, parcel_id=answer["parcel_id"]))
    assert house.parcel(answer["parcel_id"]).state == "disputed"
    place = house.compartment(1)
    assert place.service == "suspect"
    assert place.content == ("unknown" if what == "empty" else "parcel")
    (notice,) = house.notices("parcel.disputed")
    assert notice.data["reason"] == f"reported_{what}"
    assert [right.revoked for right in house.rights("collect")] == [False]


def test_a_report_without_a_parcel_is_about_what_is_known_to_lie_there(house: Lives) -> None:
    answer = _lying(house)
    house.tell(events.Reported(what="empty", compartment=1))
    assert house.parcel(answer["parcel_id"]).state == "disputed"


@pytest.mark.parametrize("what", ["occupied", "broken"])
def test_a_door_that_is_occupied_or_broken_is_suspect(
    house: Lives, what: Literal["occupied", "broken"]
) -> None:
    house.tell(events.Reported(what=what, compartment=2))
    place = house.compartment(2)
    assert place.service == "suspect"
    assert place.content == ("unknown" if what == "occupied" else "empty")
    house.tell(events.ServiceChanged(compartment=2, from_="in", to="out", cause=what))
    house.tell(events.Reported(what=what, compartment=2))
    assert house.compartment(2).service == "out"


def test_a_broken_door_leaves_its_parcel_where_it_is(house: Lives) -> None:
    answer = _lying(house)
    house.tell(events.Reported(what="broken", compartment=1, parcel_id=answer["parcel_id"]))
    assert house.parcel(answer["parcel_id"]).state == "deposited"
    assert house.history(answer["parcel_id"])[-1] == "reported_broken"


def test_a_complaint_after_the_collection_stays_in_the_history(house: Lives) -> None:
    answer = _lying(house)
    house.tell(*collect(answer))
    house.tell(events.Reported(what="empty", compartment=1, parcel_id=answer["parcel_id"]))
    assert house.parcel(answer["parcel_id"]).state == "collected"
    assert house.history(answer["parcel_id"])[-1] == "reported_empty"


def test_a_larger_door_is_told_and_costs_nothing(house: Lives) -> None:
    answer = house.room()
    house.tell(events.Upsized(right_id=answer["right_id"], from_=1, to=2))
    (notice,) = house.notices("parcel.upsized")
    assert (notice.data["from"], notice.data["to"]) == (1, 2)
    assert house.parcel(answer["parcel_id"]).state == "expected"
    house.tell(*deposit(answer, 2))
    assert house.parcel(answer["parcel_id"]).compartment == 2
    assert house.unapplied() == {}


def test_what_nobody_announced_may_be_too_large_or_find_no_room(house: Lives) -> None:
    stranger = "01977c1e-5a40-7d5c-8f3e-0a1b2c3d4e5f"
    house.tell(
        events.Upsized(right_id=stranger, from_=1, to=2),
        events.DeliveryFailed(right_id=stranger, reason="no_fitting_compartment"),
    )
    assert house.unapplied() == {}
