"""What each recorded event means for the rows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from fellesskap_backend.db import Moment
from fellesskap_backend.door_operations.tables import DoorOperation
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger import service as ledger
from fellesskap_backend.lockers.tables import Compartment, Locker
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol import events, messages
from tests.backend.api import Api
from tests.backend.lockers import House, collect, compartments, deposit


def _moment() -> Moment:
    return Moment(datetime.now(UTC))


@pytest.fixture
def house(api: Api) -> House:
    return House(api)


def test_hardware_is_adopted_and_commissioning_vouches_for_emptiness(house: House) -> None:
    house.born()
    house.locker.commission(5)
    house.ingest()
    assert [row.content for row in house.api.rows(Compartment)] == ["empty"] * 5
    assert house.compartment(5).width_mm == 440


def test_in_another_new_store_what_is_new_is_unknown(house: House) -> None:
    house.locker.add(
        events.StoreCreated(reason="lost"),
        events.HardwareDescribed(compartments=compartments(4), digest="d"),
    )
    house.born()
    house.ingest()
    assert house.compartment(4).content == "unknown"
    assert house.compartment(1).content == "empty"


def test_a_new_store_that_holds_nothing_says_so_and_is_understood(house: House) -> None:
    house.born()
    house.locker.commission(2)
    house.ingest()
    before = house.api.rows(Compartment)
    at = datetime.now(UTC)
    nothing = events.CustodyReported(
        compartment=0, parcel_id="", carrier_id="", since=at, complete=True
    )
    house.tell(nothing)
    assert house.unapplied() == {}
    after = house.api.rows(Compartment)
    assert [row.content for row in after] == ["empty"] * len(before)


def test_a_parcel_from_deposit_to_collection(house: House) -> None:
    carrier = house.api.carrier()
    house.born()
    house.locker.commission(3)
    house.ingest()
    reservation = house.reserve(carrier)
    before = house.row().revision
    house.tell(*deposit(reservation, 2))
    parcel = house.api.rows(Parcel)[0]
    assert (parcel.state, parcel.compartment, parcel.evidence) == ("deposited", 2, "door")
    assert parcel.collect_by is not None
    assert house.api.rows(Reservation)[0].state == "fulfilled"
    assert house.compartment(2).content == "parcel"
    assert house.compartment(2).parcel_id == parcel.id
    assert house.api.rows(Claim)[0].released
    assert house.row().revision == before + 1
    right = messages.decode(messages.Right, house.api.rows(Right)[0].body)
    assert (right.kind, right.compartment) == ("collect", 2)

    house.tell(*collect(reservation, 2))
    parcel = house.api.rows(Parcel)[0]
    assert parcel.state == "collected"
    assert parcel.collected_at is not None
    assert house.compartment(2).content == "empty"
    assert house.api.rows(Right)[0].removed
    assert house.api.rows(RightCode)[0].removed_at is not None
    assert house.row().revision == before + 2
    assert house.unapplied() == {}
    told = [row.what for row in sorted(house.api.rows(ParcelEntry), key=lambda row: row.id)]
    door = ["presented", "pulsed", "door_opened", "door_closed"]
    assert told == ["expected", *door, "deposited", *door, "collected"]
    notices = sorted(house.api.rows(Notice), key=lambda row: row.recorded_at)
    kinds = [row.type for row in notices]
    assert kinds == ["reservation.confirmed", "parcel.deposited", "parcel.collected"]
    data = notices[1].data
    assert data["locker"] == {"id": "oslo-1", "address": "Jernbanetorget 1"}
    assert (data["compartment"], data["right_id"]) == (2, reservation["right_id"])


def test_a_claim_taken_away_counts_until_rights_applied_is_recorded(house: House) -> None:
    carrier = house.api.carrier()
    house.born()
    house.locker.commission(3)
    house.ingest()
    reservation = house.reserve(carrier)

    def take_away(session: Any) -> int:
        row = session.get(Locker, "oslo-1")
        revision = rights.forget(session, row, UUID(reservation["right_id"]))
        session.get(Claim, UUID(reservation["right_id"])).released_at_revision = revision
        return revision

    revision = house.api.change(take_away)

    def released() -> bool:
        return house.api.rows(Claim)[0].released

    house.locker.position = (1, revision)
    house.born()
    house.ingest(house.locker.batch(3))
    assert not released(), "a reported position frees nothing"
    house.tell(events.RightsApplied(generation=1, revision=revision - 1, used={}))
    assert not released()
    house.tell(events.RightsApplied(generation=0, revision=revision + 9, used={}))
    assert not released(), "revisions of another generation say nothing"
    house.tell(events.RightsApplied(generation=1, revision=revision, used={}))
    assert released()
    row = house.row()
    assert (row.applied_generation, row.applied_revision) == (1, revision)


def test_a_deposit_after_its_reservation_expired_is_a_deposit(house: House) -> None:
    carrier = house.api.carrier()
    house.born()
    house.locker.commission(3)
    house.ingest()
    reservation = house.reserve(carrier)

    def expire(session: Any) -> None:
        row = session.get(Locker, "oslo-1")
        rights.forget(session, row, UUID(reservation["right_id"]))
        session.get(Parcel, UUID(reservation["parcel_id"])).state = "expired"
        session.get(Reservation, UUID(reservation["id"])).state = "expired"

    house.api.change(expire)
    house.tell(*deposit(reservation, 1))
    assert house.api.rows(Parcel)[0].state == "deposited"
    assert house.api.rows(Reservation)[0].state == "fulfilled"
    assert not house.api.rows(Right)[0].removed
    notice = next(row for row in house.api.rows(Notice) if row.type == "parcel.deposited")
    assert notice.data["late"] is True


def test_a_second_parcel_in_a_compartment_puts_the_first_in_dispute(house: House) -> None:
    carrier = house.api.carrier()
    house.born()
    house.locker.commission(3)
    house.ingest()
    first, second = house.reserve(carrier, 1), house.reserve(carrier, 2)
    house.tell(*deposit(first, 1))
    house.tell(*deposit(second, 1)[-1:])
    states = {str(row.id): row.state for row in house.api.rows(Parcel)}
    assert states == {first["parcel_id"]: "disputed", second["parcel_id"]: "deposited"}


def test_a_door_operation_follows_its_events(house: House) -> None:
    operator = house.api.operator()
    house.born()
    house.locker.commission(3)
    house.ingest()
    asked = {"compartment": 1, "reason_code": "inspection", "reason": "A smell."}
    answer = operator.post("/v1/lockers/oslo-1/door-operations", json=asked)
    jti = answer.json()["id"]

    def state() -> str:
        return house.api.rows(DoorOperation)[0].state

    said = house.locker.result(jti, "done")
    house.api.change(lambda session: ledger.resulted(session, "oslo-1", said, moment=_moment()))
    assert state() == "pulsed"
    house.tell(
        events.Presented(
            kind="command", outcome="authorised", jti=jti, authorisation_id="a", compartment=1
        )
    )
    for event, expected in (
        (events.Pulsed(authorisation_id="a", compartment=1, attempt=1), "pulsed"),
        (events.NotOpened(authorisation_id="a", compartment=1), "not_opened"),
        (events.Pulsed(authorisation_id="a", compartment=1, attempt=2), "pulsed"),
        (events.DoorOpened(authorisation_id="a", compartment=1), "opened"),
        (events.LeftOpen(authorisation_id="a", compartment=1), "left_open"),
        (events.DoorClosed(authorisation_id="a", compartment=1), "closed"),
    ):
        house.tell(event)
        assert state() == expected
    late = house.locker.result(jti, "refused", reason="limit")
    house.api.change(lambda session: ledger.resulted(session, "oslo-1", late, moment=_moment()))
    assert state() == "closed"


def test_a_refused_command_says_why(house: House) -> None:
    operator = house.api.operator()
    house.born()
    house.locker.commission(3)
    house.ingest()
    asked = {"compartment": 1, "reason_code": "inspection", "reason": "A smell."}
    jti = operator.post("/v1/lockers/oslo-1/door-operations", json=asked).json()["id"]
    house.tell(events.Presented(kind="command", outcome="refused", reason="limit", jti=jti))
    row = house.api.rows(DoorOperation)[0]
    assert (row.state, row.outcome_reason) == ("rejected", "limit")
