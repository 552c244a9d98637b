"""Deposits without a claim, by badge; a reservation for the label finds them."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from fellesskap_backend.parcels import unannounced
from fellesskap_backend.rights.tables import RightCode
from fellesskap_backend.webhooks import rendering
from fellesskap_protocol import events
from fellesskap_protocol.codes import mac
from tests.backend.api import label, request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import deposit


def _by_badge(house: Lives, number: int, compartment: int = 1) -> events.Deposited:
    return events.Deposited(
        parcel_id=str(uuid4()),
        carrier_id=house.carrier_id,
        label=f"opaque:{label(number)['value']}",
        compartment=compartment,
        allowance_class="S",
        evidence="door",
    )


def _body(house: Lives, kind: str) -> bytes:
    (notice,) = house.notices(kind)
    return house.api.change(
        lambda session: rendering.body_of(session, notice, house.api.secrets.k_codes)
    )


def test_an_unannounced_parcel_keeps_its_id_and_gets_a_code_that_its_carrier_is_told(
    house: Lives,
) -> None:
    event = _by_badge(house, 1)
    house.tell(event)
    parcel = house.parcel(event.parcel_id)
    assert (parcel.state, parcel.compartment, parcel.right_id) == ("deposited", 1, None)
    assert house.notices("parcel.deposited") == []
    house.pass_time()
    parcel = house.parcel(event.parcel_id)
    (right,) = house.rights("collect")
    assert (right.id, right.parcel_id) == (str(parcel.right_id), event.parcel_id)
    assert right.compartment == 1
    assert right.code_mac == house.api.rows(RightCode)[0].code_mac
    k_locker = house.api.secrets.k_locker("oslo-1", 1)
    assert right.label_macs == (mac(k_locker, "label", f"opaque:{label(1)['value']}"),)
    (notice,) = house.notices("parcel.deposited")
    assert (notice.data["label"], notice.data["replaces"]) == (label(1), None)
    assert notice.occurred_at == parcel.deposited_at
    assert b'"pickup_code":"' in _body(house, "parcel.deposited")
    house.pass_time()
    assert len(house.notices("parcel.deposited")) == 1
    collected = events.Collected(
        parcel_id=event.parcel_id, right_id=right.id, compartment=1, evidence="door"
    )
    house.tell(collected)
    assert house.parcel(event.parcel_id).state == "collected"
    assert house.unapplied() == {}


def test_a_reservation_for_the_label_is_fulfilled_and_its_claim_taken_away_by_revision(
    house: Lives,
) -> None:
    answer = house.room(1)
    event = _by_badge(house, 1, compartment=2)
    house.tell(event)
    reservation = house.reservation(answer["id"])
    assert (reservation.state, str(reservation.parcel_id)) == ("fulfilled", event.parcel_id)
    expected = house.parcel(answer["parcel_id"])
    assert (expected.state, str(expected.replaced_by)) == ("cancelled", event.parcel_id)
    shown = house.client.get(f"/v1/parcels/{answer['parcel_id']}").json()
    assert shown["replaced_by"] == event.parcel_id
    # The right and so the code stay: its recipient may have been told.
    (right,) = house.rights()
    assert (right.id, right.kind, right.parcel_id) == (
        answer["right_id"],
        "collect",
        event.parcel_id,
    )
    assert right.compartment == 2
    assert house.parcel(event.parcel_id).collect_within_s == 3 * 86_400
    (notice,) = house.notices("parcel.deposited")
    assert notice.data["replaces"] == answer["parcel_id"]
    assert notice.data["reservation_id"] == answer["id"]
    assert not house.claim(answer["right_id"]).released
    house.applied()
    assert house.claim(answer["right_id"]).released


def test_a_second_parcel_under_the_claim_before_it_was_taken_away_is_seen(house: Lives) -> None:
    answer = house.room(1)
    event = _by_badge(house, 1, compartment=2)
    house.tell(event)
    house.tell(*deposit(answer, 3))
    assert house.unapplied() == {}
    parcel = house.parcel(event.parcel_id)
    assert (parcel.state, parcel.compartment) == ("deposited", 3)
    before = house.compartment(2)
    assert (before.content, before.service, before.parcel_id) == ("unknown", "suspect", None)
    assert house.claim(answer["right_id"]).released


def test_a_reservation_at_another_locker_is_fulfilled_too(house: Lives) -> None:
    house.api.locker("oslo-0", doors=1)
    answer = reserve(house.client, request(1, locker_id="oslo-0"), "k").json()
    event = _by_badge(house, 1)
    house.tell(event)
    assert house.reservation(answer["id"]).state == "confirmed"
    house.pass_time()
    reservation = house.reservation(answer["id"])
    assert (reservation.state, str(reservation.parcel_id)) == ("fulfilled", event.parcel_id)
    claim = house.claim(answer["right_id"])
    assert claim.released_at_revision == house.row("oslo-0").revision
    assert [right.parcel_id for right in house.rights()] == [event.parcel_id]
    (notice,) = house.notices("parcel.deposited")
    assert notice.data["replaces"] == answer["parcel_id"]
    assert notice.data["locker"]["id"] == "oslo-1"


def test_its_label_cannot_be_reserved_while_it_lies_there(house: Lives) -> None:
    house.tell(_by_badge(house, 1))
    refused = reserve(house.client, request(1), "k")
    assert refused.json()["code"] == "duplicate_parcel"
    assert reserve(house.api.carrier("Sydpost"), request(1), "k").status_code == 201


def test_one_that_the_courier_takes_back_at_once_is_told_from_beginning_to_end(
    house: Lives,
) -> None:
    event = _by_badge(house, 1)
    taken = events.Removed(
        parcel_id=event.parcel_id, right_id=event.parcel_id, compartment=1, evidence="door"
    )
    house.tell(event, taken)
    house.pass_time()
    assert house.parcel(event.parcel_id).state == "removed"
    assert len(house.notices("parcel.deposited")) == 1
    assert len(house.notices("parcel.removed")) == 1
    assert house.rights() == []


def test_a_deposit_that_is_told_twice_is_one(house: Lives) -> None:
    event = _by_badge(house, 1)
    house.tell(event, event)
    house.pass_time()
    assert len(house.notices("parcel.deposited")) == 1
    assert len(house.rights("collect")) == 1


@pytest.mark.parametrize("spoilt", [{"carrier_id": str(UUID(int=5))}, {"parcel_id": "7"}])
def test_a_deposit_for_nobody_is_kept_as_unapplied(house: Lives, spoilt: dict[str, Any]) -> None:
    house.tell(msgspec.structs.replace(_by_badge(house, 1), **spoilt))
    assert len(house.unapplied()) == 1


def test_worker_that_comes_second_changes_nothing(house: Lives) -> None:
    event = _by_badge(house, 1)
    house.tell(event)
    house.pass_time()
    revision = house.row().revision
    secrets = house.api.secrets
    house.do(unannounced.complete, UUID(event.parcel_id), secrets=secrets)
    assert house.row().revision == revision
