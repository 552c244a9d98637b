"""A carrier wants its parcel back: the code opens no more, a courier takes it out."""

from uuid import UUID

import pytest

from fellesskap_backend.carriers.service import credentials_of
from fellesskap_backend.errors import NotFound, WrongState
from fellesskap_backend.parcels import acts
from fellesskap_protocol import events
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit


def test_a_recalled_parcel_is_taken_out_by_badge_and_every_right_goes(house: Lives) -> None:
    answer = house.room()
    house.tell(*deposit(answer, 2))
    for _ in range(2):
        house.do(acts.recall, house.carrier, UUID(answer["parcel_id"]))
    assert house.parcel(answer["parcel_id"]).state == "recalled"
    (collecting,) = house.rights("collect")
    assert collecting.revoked
    (right,) = house.rights("remove")
    assert (right.parcel_id, right.compartment) == (answer["parcel_id"], 2)
    assert right.carrier_id == house.carrier_id
    assert len(house.notices("parcel.recalled")) == 1
    house.tell(
        events.Removed(
            parcel_id=answer["parcel_id"], right_id=right.id, compartment=2, evidence="door"
        )
    )
    assert house.parcel(answer["parcel_id"]).state == "removed"
    assert house.rights() == []
    assert house.compartment(2).content == "empty"
    assert house.history(answer["parcel_id"])[-2:] == ["recalled", "removed"]
    assert house.unapplied() == {}


def test_a_parcel_collected_before_the_locker_knew_is_collected(house: Lives) -> None:
    answer = house.room()
    house.tell(*deposit(answer))
    house.do(acts.recall, house.carrier, UUID(answer["parcel_id"]))
    house.tell(*collect(answer))
    assert house.parcel(answer["parcel_id"]).state == "collected"
    assert house.rights() == []


def test_what_is_expected_is_cancelled_not_recalled(house: Lives) -> None:
    answer = house.room()
    with pytest.raises(WrongState):
        house.do(acts.recall, house.carrier, UUID(answer["parcel_id"]))
    assert house.parcel(answer["parcel_id"]).state == "expected"


def test_a_foreign_parcel_cannot_be_recalled(house: Lives) -> None:
    answer = house.room()
    house.tell(*deposit(answer))
    with pytest.raises(NotFound):
        house.do(acts.recall, credentials_of(house.api.key("Sydpost")), UUID(answer["parcel_id"]))
    assert house.parcel(answer["parcel_id"]).state == "deposited"
