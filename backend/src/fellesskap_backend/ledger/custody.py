"""Custody: what lies where, and what people said of it; `parcels.machine` says what follows.

Late truth wins: a deposit under a claim that has expired meanwhile is a deposit.
"""

import logging
from dataclasses import replace
from uuid import UUID

from fellesskap_backend.allowances import service as allowances
from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.ledger.at import At, CannotApply
from fellesskap_backend.parcels import moving, unannounced
from fellesskap_backend.parcels.moving import CannotMove, Facts
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_protocol.events import (
    Collected,
    Deposited,
    DroppedOff,
    Event,
    Removed,
)

log = logging.getLogger(__name__)


def deposited(at: At, event: Deposited) -> None:
    """A parcel lies in a compartment: its claim becomes a right to collect."""
    if event.allowance_class is not None:
        allowances.used(at.session, at.locker, event.allowance_class)
    known = at.parcel_of(event.right_id or event.parcel_id)
    if known is None and event.right_id is not None:
        raise CannotApply("no parcel of this locker by its right")
    facts = Facts(event.compartment, event.evidence, by_allowance=event.allowance_class is not None)
    if known is not None:
        moved(at, event, known, "deposited", facts=facts)
        return
    parcel = _without_claim(at, event)
    data = unannounced.told_of(at.session, parcel)
    facts = replace(facts, by_claim=False, data=data)
    moved(at, event, parcel, "deposited", facts=facts)


def _without_claim(at: At, event: Deposited) -> Parcel:
    """Take in a parcel under the edge's id; it fulfils what its carrier reserved for its label."""
    try:
        parcel_id, carrier_id = UUID(event.parcel_id), UUID(event.carrier_id)
    except ValueError:
        raise CannotApply("an id that is none") from None
    carrier, elsewhere = at.session.get(Carrier, carrier_id), at.session.get(Parcel, parcel_id)
    if carrier is None or elsewhere is not None:
        raise CannotApply("a carrier that is not known, or a parcel of another locker")
    return unannounced.take_in(
        at.cause(event), parcel_id=parcel_id, carrier_id=carrier_id, label_key=event.label
    )


def dropped_off(at: At, event: DroppedOff) -> None:
    """A person put a return or first-mile parcel in; couriers may take it out."""
    allowances.used(at.session, at.locker, event.allowance_class)
    parcel = _parcel(at, event.right_id)
    moved(at, event, parcel, "dropped_off", facts=Facts(event.compartment, event.evidence))


def collected(at: At, event: Collected) -> None:
    """The recipient took the parcel."""
    _taken(at, event, "collected")


def removed(at: At, event: Removed) -> None:
    """A courier took the parcel out."""
    _taken(at, event, "removed")


def _taken(at: At, event: Collected | Removed, act: str) -> None:
    parcel = _parcel(at, event.right_id, event.parcel_id)
    if parcel.right_id is None:  # it was not told yet, and is gone
        unannounced.announce(at.cause(event), parcel)
    moved(at, event, parcel, act, facts=Facts(event.compartment, event.evidence))


def _parcel(at: At, right_id: str | None, parcel_id: str | None = None) -> Parcel:
    """Return a parcel by its right; by its own id, if a restored database forgot that right."""
    parcel = at.parcel_of(right_id) or at.parcel_of(parcel_id)
    if parcel is None:
        raise CannotApply("no parcel of this locker by its right")
    return parcel


def moved(at: At, event: Event, parcel: Parcel, act: str, *, facts: Facts) -> None:
    """Let an act happen; raise `CannotApply` where it cannot."""
    try:
        step = moving.move(at.cause(event), parcel, act, facts)
    except CannotMove as reason:
        raise CannotApply(str(reason)) from None
    if step is None:
        raise CannotApply("a parcel of another kind")
