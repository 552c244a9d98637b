"""`set_service in`: somebody looked; of a parcel whose right is revoked nobody knows any more."""

from dataclasses import replace

import msgspec
import pytest

from fellesskap_edge.state import Effect, Record
from fellesskap_protocol.events import CustodyReported, Service
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import LittleLocker, command, right

ONE, TWO = right("one"), right("two")


def holding() -> tuple[LittleLocker, int]:
    locker = LittleLocker().ready(ONE, TWO)
    return locker, locker.deposit("one")


def told(locker: LittleLocker, number: int, service: Service) -> tuple[Effect, ...]:
    asked = command("set_service", locker.new_id(), number, locker)
    return locker.give(
        replace(asked, command=msgspec.structs.replace(asked.command, service=service))
    )


def revoked(one: Right, number: int) -> Right:
    return msgspec.structs.replace(one, kind="collect", compartment=number, revoked=True)


def test_a_door_whose_parcels_right_is_revoked_is_given_away_again() -> None:
    locker, number = holding()
    locker.put(revoked(ONE, number))
    told(locker, number, "suspect")
    assert locker.controller.places[number].content == "parcel", "only who looked may say so"
    told(locker, number, "in")
    place = locker.controller.places[number]
    assert (place.content, place.service) == ("unknown", "in")
    told(locker, number, "out")
    assert locker.controller.places[number].service == "out"


def test_what_an_operator_looked_for_is_reported_until_then_and_no_longer() -> None:
    locker, number = holding()
    locker.put(revoked(ONE, number))
    assert [(one.compartment, one.parcel_id) for one in reported(locker)] == [
        (number, "parcel-one")
    ]
    told(locker, number, "in")
    assert [(one.compartment, one.parcel_id) for one in reported(locker)] == [(0, "")]


def reported(locker: LittleLocker) -> list[CustodyReported]:
    locker.wait(60.0)
    effects = locker.give(command("report_custody", locker.new_id(), None, locker))
    events = [one.event for one in effects if isinstance(one, Record)]
    return [event for event in events if isinstance(event, CustodyReported)]


@pytest.mark.parametrize("service", ["in", "out"])
def test_a_parcel_whose_right_is_good_stays_where_it_is(service: Service) -> None:
    locker, number = holding()
    told(locker, number, service)
    place = locker.controller.places[number]
    assert (place.content, place.right_id, place.service) == ("parcel", "one", service)
    locker.enter("code-one")
    locker.wait(1.0)
    assert locker.pulses[-1].compartment == number, "a door that is out opens for its recipient"


def test_an_empty_door_stays_empty() -> None:
    locker = LittleLocker().ready(ONE)
    told(locker, 1, "out")
    told(locker, 1, "in")
    assert locker.controller.places[1].content == "empty"
