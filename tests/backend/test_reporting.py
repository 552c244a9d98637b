"""Custody reports: adopted, revoked, in dispute; and what a new epoch frees, and when."""

from typing import Any
from uuid import UUID

import pytest

from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.events.tables import Notice
from fellesskap_backend.ledger.tables import Tail
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Epoch
from fellesskap_backend.parcels.tables import Parcel, ParcelEntry
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.service import changes, code_mac
from fellesskap_backend.rights.tables import RightCode
from fellesskap_protocol import events, messages
from tests.backend.lockers import AT, House, collect, compartments, deposit

NOTHING: dict[str, Any] = {"compartment": 0, "parcel_id": "", "carrier_id": ""}
STRANGER = str(UUID(int=77))


def report(*lying: dict[str, Any]) -> list[events.CustodyReported]:
    """Return what a locker says that holds these."""
    said = lying or (NOTHING,)
    return [
        events.CustodyReported(since=AT, complete=turn == len(said), **one)
        for turn, one in enumerate(said, start=1)
    ]


def lying(parcel: dict[str, Any], compartment: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "compartment": compartment,
        "parcel_id": parcel["parcel_id"],
        "carrier_id": STRANGER,
        "right_id": parcel["right_id"],
        **fields,
    }


def begin_anew(house: House, reason: Any, *said: events.Event, epoch: str = "epoch-2") -> None:
    """Begin a new store, which reports custody."""
    house.locker.begin(epoch)
    house.locker.session += 1
    house.born()
    house.tell(
        events.StoreCreated(reason=reason),
        events.HardwareDescribed(compartments=compartments(3), digest="d"),
        *said,
    )
    assert house.unapplied() == {}


def state_of(house: House, parcel: dict[str, Any]) -> str:
    wanted = UUID(parcel["parcel_id"])
    return next(row.state for row in house.api.rows(Parcel) if row.id == wanted)


def told(house: House, parcel: dict[str, Any]) -> list[str]:
    wanted = UUID(parcel["parcel_id"])
    return [row.what for row in house.api.rows(ParcelEntry) if row.parcel_id == wanted]


def notices(house: House) -> list[str]:
    return [row.type for row in sorted(house.api.rows(Notice), key=lambda one: one.id)]


def wished(house: House) -> dict[str, messages.Right]:
    def puts(session: Any) -> dict[str, messages.Right]:
        return {right.id: right for right in changes(session, {"oslo-1": 0})["oslo-1"].puts}

    return house.api.change(puts)


# What agrees ---------------------------------------------------------------------------------


def test_a_report_that_agrees_changes_nothing(house: House) -> None:
    parcel = house.reserve(house.api.carrier())
    house.tell(*deposit(parcel))
    before = (told(house, parcel), notices(house), wished(house))
    begin_anew(house, "went_back", *report(lying(parcel)))
    assert (told(house, parcel), notices(house), wished(house)) == before
    assert state_of(house, parcel) == "deposited"
    assert house.compartment(1).service == "in"


def test_a_deposit_whose_journal_was_lost_is_a_deposit(house: House) -> None:
    parcel = house.reserve(house.api.carrier())
    begin_anew(house, "went_back", *report(lying(parcel, 2)))
    assert state_of(house, parcel) == "deposited"
    assert told(house, parcel)[-1] == "deposited"
    assert [row.state for row in house.api.rows(Reservation)] == ["fulfilled"]
    assert [row.released for row in house.api.rows(Claim)] == [True]
    assert wished(house)[parcel["right_id"]].compartment == 2
    assert "parcel.deposited" in notices(house)


# What is not known ---------------------------------------------------------------------------


def test_a_parcel_that_nobody_knows_is_adopted_with_its_right(house: House) -> None:
    house.api.carrier()
    carrier_id = house.api.rows(Carrier)[0].id
    right_id, parcel_id = UUID(int=5), UUID(int=6)
    secrets = house.api.secrets
    known_as = code_mac(secrets.k_locker("oslo-1", 1), secrets.k_codes, right_id, n=2)
    one = {
        "compartment": 3,
        "parcel_id": str(parcel_id),
        "carrier_id": str(carrier_id),
        "right_id": str(right_id),
        "code_mac": known_as,
        "long_code_mac": "long",
        "qr_mac": "qr",
        "label_mac": "label",
    }
    begin_anew(house, "went_back", *report(one))
    parcel = house.api.rows(Parcel)[0]
    assert (parcel.id, parcel.carrier_id, parcel.state) == (parcel_id, carrier_id, "deposited")
    assert (parcel.compartment, parcel.right_id, parcel.deposited_at) == (3, right_id, AT)
    right = wished(house)[str(right_id)]
    assert (right.kind, right.compartment, right.label_macs) == ("collect", 3, ("label",))
    assert (right.code_mac, right.long_code_mac, right.qr_mac) == (known_as, "long", "qr")
    assert house.compartment(3).content == "parcel"
    assert [(code.right_id, code.n) for code in house.api.rows(RightCode)] == [(right_id, 2)]
    assert notices(house) == ["parcel.adopted"]
    house.tell(*collect({"right_id": str(right_id), "parcel_id": str(parcel_id)}, 3))
    assert house.api.rows(Parcel)[0].state == "collected"


def test_a_parcel_of_an_unknown_carrier_makes_its_door_suspect(house: House) -> None:
    stranger = {"parcel_id": str(UUID(int=6)), "right_id": str(UUID(int=5))}
    begin_anew(house, "went_back", *report(lying(stranger, 2)))
    assert house.api.rows(Parcel) == []
    assert (house.compartment(2).content, house.compartment(2).service) == ("parcel", "suspect")


# What contradicts ----------------------------------------------------------------------------


def test_what_the_ledger_shows_as_gone_is_revoked_and_its_door_suspect(house: House) -> None:
    parcel = house.reserve(house.api.carrier())
    house.tell(*deposit(parcel), *collect(parcel))
    assert parcel["right_id"] not in wished(house)
    begin_anew(house, "went_back", *report(lying(parcel, code_mac="c")))
    assert state_of(house, parcel) == "collected"
    assert wished(house)[parcel["right_id"]].revoked
    assert (house.compartment(1).content, house.compartment(1).service) == ("parcel", "suspect")


def test_what_lay_where_a_gone_parcel_is_reported_is_in_dispute(house: House) -> None:
    carrier = house.api.carrier()
    first, second = house.reserve(carrier, 1), house.reserve(carrier, 2)
    house.tell(*deposit(first), *collect(first), *deposit(second))
    begin_anew(house, "went_back", *report(lying(first)))
    assert (state_of(house, first), state_of(house, second)) == ("collected", "disputed")
    assert notices(house).count("parcel.disputed") == 1


def test_a_parcel_reported_in_another_door_is_in_dispute_and_both_doors_suspect(
    house: House,
) -> None:
    parcel = house.reserve(house.api.carrier())
    house.tell(*deposit(parcel, 1))
    begin_anew(house, "went_back", *report(lying(parcel, 3)))
    assert state_of(house, parcel) == "disputed"
    assert [house.compartment(one).service for one in (1, 2, 3)] == ["suspect", "in", "suspect"]
    assert house.compartment(1).content == "unknown"
    assert wished(house)[parcel["right_id"]].compartment == 3


def test_another_parcel_in_a_door_puts_the_one_before_in_dispute(house: House) -> None:
    carrier = house.api.carrier()
    first, second = house.reserve(carrier, 1), house.reserve(carrier, 2)
    house.tell(*deposit(first, 1))
    begin_anew(house, "went_back", *report(lying(second, 1)))
    assert (state_of(house, first), state_of(house, second)) == ("disputed", "deposited")


@pytest.mark.parametrize(
    ("reason", "service"), [("went_back", "suspect"), ("lost", "in"), ("damaged", "in")]
)
def test_what_a_complete_report_does_not_name_is_in_dispute(
    house: House, reason: str, service: str
) -> None:
    carrier = house.api.carrier()
    named, missing = house.reserve(carrier, 1), house.reserve(carrier, 2)
    house.tell(*deposit(named, 1), *deposit(missing, 2))
    begin_anew(house, reason, *report(lying(named, 1)))
    assert (state_of(house, named), state_of(house, missing)) == ("deposited", "disputed")
    assert house.compartment(2).service == service
    assert house.compartment(2).content == "parcel"
    assert missing["right_id"] in wished(house), "whoever holds its code may still be right"
    house.tell(*collect(missing, 2))
    assert state_of(house, missing) == "collected"


def test_nothing_is_concluded_before_the_report_is_complete(house: House) -> None:
    carrier = house.api.carrier()
    first, second = house.reserve(carrier, 1), house.reserve(carrier, 2)
    house.tell(*deposit(first, 1), *deposit(second, 2))
    one, last = report(lying(first, 1), lying(second, 2))
    begin_anew(house, "went_back", one)
    assert (state_of(house, first), state_of(house, second)) == ("deposited", "deposited")
    house.tell(last)
    assert (state_of(house, first), state_of(house, second)) == ("deposited", "deposited")


def test_a_report_whose_begin_is_lost_proves_nothing_and_is_asked_for_again(
    house: House,
) -> None:
    carrier = house.api.carrier()
    first, second = house.reserve(carrier, 1), house.reserve(carrier, 2)
    house.tell(*deposit(first, 1), *deposit(second, 2))
    begun = len(house.locker.stored)
    house.locker.add(*report(lying(first, 1), lying(second, 2)))
    lost = messages.event_hash(house.locker.stored[begun])
    gap = messages.Gap(from_=begun + 1, to=begun + 1, hash=lost)
    house.ingest(house.locker.batch(begun + 2, gap=gap))
    assert (state_of(house, first), state_of(house, second)) == ("deposited", "deposited")
    assert house.row().custody_wanted
    house.tell(*report(lying(first, 1)))
    assert (state_of(house, first), state_of(house, second)) == ("deposited", "disputed")
    assert not house.row().custody_wanted


def test_whoever_commissions_a_locker_vouches_that_nothing_lies_there(house: House) -> None:
    parcel = house.reserve(house.api.carrier())
    house.tell(*deposit(parcel))
    begin_anew(house, "commissioned")
    assert state_of(house, parcel) == "disputed"
    assert (house.compartment(1).content, house.compartment(1).service) == ("empty", "in")


# Capacity and tails --------------------------------------------------------------------------


def test_a_claim_is_freed_by_the_report_and_the_first_rights_of_the_epoch_together(
    house: House,
) -> None:
    house.reserve(house.api.carrier())
    claim = house.api.rows(Claim)[0]
    taken = house.api.change(lambda session: _take_away(session, claim.right_id))
    applied = events.RightsApplied(generation=1, revision=taken, used={})
    begin_anew(house, "went_back", applied)
    assert not house.api.rows(Claim)[0].released, "a deposit may be in what was never sent"
    assert house.row().custody_wanted
    house.tell(*report())
    assert house.api.rows(Claim)[0].released
    assert not house.row().custody_wanted


def _take_away(session: Any, right_id: UUID) -> int:
    locker = locked(session, "oslo-1")
    assert locker is not None
    revision = rights.forget(session, locker, right_id)
    session.get(Claim, right_id).released_at_revision = revision
    return revision


def test_rights_of_an_earlier_store_free_nothing(house: House) -> None:
    house.reserve(house.api.carrier())
    claim = house.api.rows(Claim)[0]
    taken = house.api.change(lambda session: _take_away(session, claim.right_id))
    house.tell(events.RightsApplied(generation=1, revision=taken - 1, used={}))
    begin_anew(house, "went_back", *report())
    assert not house.api.rows(Claim)[0].released
    assert house.row().applied_revision == 0


def test_a_closed_epoch_leaves_a_row_that_says_what_is_not_known(house: House) -> None:
    house.locker.add(*[events.Booted(software="0.1.0")] * 4)
    house.ingest(house.locker.batch(3, 4))
    begin_anew(house, "lost", *report())
    [tail] = house.api.rows(Tail)
    assert (tail.epoch, tail.acked_seq, tail.said_head) == ("epoch-1", 4, 6)
    assert tail.closed_by == "epoch-2"
    assert {row.epoch: row.custody_seq for row in house.api.rows(Epoch)} == {
        "epoch-1": 2,
        "epoch-2": 3,
    }
