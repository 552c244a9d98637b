"""What happens at the kiosk beside custody: reports, larger doors, deliveries that failed."""

import logging

from fellesskap_backend.ledger.at import At
from fellesskap_backend.ledger.custody import moved
from fellesskap_backend.parcels.moving import Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.reservations import ending
from fellesskap_protocol.events import DeliveryFailed, Overcommitted, Reported, Upsized

log = logging.getLogger(__name__)


def delivery_failed(at: At, event: DeliveryFailed) -> None:
    """A claim could not be used; it stays until its carrier or its time ends it."""
    parcel = at.parcel_of(event.right_id)
    if parcel is None:
        at.say(log.warning, "an unannounced parcel found no room")
        return
    data = {}
    if parcel.state == "expected" and parcel.reservation_id is not None:
        data = ending.alternatives(at.cause(event), parcel.reservation_id)
    moved(at, event, parcel, "delivery_failed", facts=Facts(detail=event.reason, data=data))


def upsized(at: At, event: Upsized) -> None:
    """The courier wanted a larger door; it costs the carrier nothing."""
    parcel = at.parcel_of(event.right_id)
    if parcel is not None:  # else unannounced: its deposit names the class
        data = {"from": event.from_, "to": event.to}
        moved(at, event, parcel, "upsized", facts=Facts(event.to, data=data))


def reported(at: At, event: Reported) -> None:
    """A person said what they found; nothing else is put there until somebody looked."""
    place = at.compartment(event.compartment)
    if event.what in ("empty", "occupied"):
        place.content = "unknown"
    if place.service == "in":
        place.service = "suspect"
    parcel = at.parcel_of(event.parcel_id)
    if parcel is None and event.what == "empty" and place.parcel_id is not None:
        parcel = at.session.get(Parcel, place.parcel_id)
    if parcel is not None:
        act = f"reported_{event.what}"
        moved(at, event, parcel, act, facts=Facts(event.compartment, detail=act))


def overcommitted(at: At, event: Overcommitted) -> None:
    """Keep what can be kept, in the order of confirmation; divert the others."""
    at.say(log.error, "%d claims cannot be served", len(event.right_ids))
    ending.divert_what_does_not_fit(at.cause(event))
