"""Where the rows and a locker contradict each other: the physical wins, and a person must look."""

import logging
from uuid import UUID

import msgspec

from fellesskap_backend.ledger.at import At
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels import moving
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.rights import service as rights
from fellesskap_protocol.events import CustodyReported, Deposited, Event

log = logging.getLogger(__name__)


def moved(at: At, event: CustodyReported, parcel: Parcel) -> None:
    """The rows say another compartment: neither can be trusted until somebody looked."""
    before = at.session.get(Compartment, (at.locker.id, parcel.compartment or 0))
    if before is not None and before.parcel_id == parcel.id:
        before.empty_of("unknown")
        before.service = "suspect"
    at.compartment(event.compartment).service = "suspect"
    parcel.compartment = event.compartment
    if parcel.remove_right_id is not None:
        relocate(at, parcel.remove_right_id, event.compartment)
    dispute(at, event, parcel, "reported_elsewhere")


def relocate(at: At, right_id: UUID, compartment: int) -> None:
    """Let a right say where its parcel lies, if it is wished at all."""
    right = rights.right_of(at.session, at.locker.id, right_id)
    if right is not None and right.compartment != compartment:
        there = msgspec.structs.replace(right, compartment=compartment)
        rights.wish(at.session, at.locker, there)


def lies_there(at: At, event: CustodyReported | Deposited, parcel: Parcel) -> None:
    """Put the parcel there; what was believed there before it is in dispute."""
    place = at.compartment(event.compartment)
    if place.parcel_id not in (None, parcel.id):
        other = at.session.get(Parcel, place.parcel_id)
        place.service = "suspect"
        if other is not None:
            dispute(at, event, other, "another_reported")
    place.content, place.parcel_id = "parcel", parcel.id
    place.used_by, place.used_as = moving.counts_as(at.session, parcel)


def dispute(at: At, event: Event, parcel: Parcel, why: str) -> None:
    """Put a parcel in dispute; its right stays, for whoever holds the code may still be right."""
    at.say(log.error, "a parcel is in dispute: %s", why)
    moving.move(at.cause(event), parcel, "dispute", Facts(detail=why))
