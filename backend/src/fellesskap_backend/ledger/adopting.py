"""What the rows do not know and a locker does: built from what it says.

A restored database forgot parcels; a lost store leaves deposits that were never sent.
"""

import logging
from uuid import UUID

from fellesskap_backend.carriers.tables import Carrier
from fellesskap_backend.ledger import custody
from fellesskap_backend.ledger.at import At, CannotApply
from fellesskap_backend.ledger.disputing import lies_there, relocate
from fellesskap_backend.parcels import timing
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.unannounced import COLLECT_WITHIN
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol import messages
from fellesskap_protocol.events import CustodyReported, Deposited

log = logging.getLogger(__name__)


def deposited(at: At, event: Deposited) -> None:
    """Take in a deposit; a restored database adopts one under a right that it forgot.

    It wishes nothing for it: only a custody report tells by which codes the parcel can be taken
    out, and a right without them would overwrite those that the locker holds.
    """
    right_id = uuid_of(event.right_id)
    forgotten = at.locker.restored_at is not None and right_id is not None
    if not forgotten or at.parcel_of(event.right_id) is not None:
        custody.deposited(at, event)
        return
    parcel = _made(at, event, right_id)
    if parcel is None:
        raise CannotApply("a deposit under a right that was never known")
    parcel.deposited_at, parcel.evidence = at.happened_at(event), event.evidence
    lies_there(at, event, parcel)
    _announce_adoption(at, event, parcel)


def adopt(at: At, event: CustodyReported) -> None:
    """Build what is not known from what is reported."""
    parcel = _made(at, event, uuid_of(event.right_id))
    if parcel is None:
        place = at.compartment(event.compartment)
        place.content, place.service = "parcel", "suspect"
        at.say(log.error, "holds a parcel that nobody knows of")
        return
    parcel.deposited_at, parcel.evidence = event.since, "none"
    lies_there(at, event, parcel)
    complete_right(at, event, parcel)
    _announce_adoption(at, event, parcel)


def _made(at: At, event: CustodyReported | Deposited, right_id: UUID | None) -> Parcel | None:
    """Make the row of a forgotten parcel; None if its ids or its carrier cannot be."""
    parcel_id, carrier_id = uuid_of(event.parcel_id), uuid_of(event.carrier_id)
    if parcel_id is None or carrier_id is None or at.session.get(Carrier, carrier_id) is None:
        return None
    if at.session.get(Parcel, parcel_id) is not None:
        return None  # of another locker
    parcel = Parcel(
        id=parcel_id,
        carrier_id=carrier_id,
        locker_id=at.locker.id,
        right_id=right_id,
        state="deposited",
        collect_within_s=int(COLLECT_WITHIN.total_seconds()),
        compartment=event.compartment,
        created_at=at.moment.now,
    )
    at.session.add(parcel)
    at.session.flush()
    return parcel


def _announce_adoption(at: At, event: CustodyReported | Deposited, parcel: Parcel) -> None:
    at.say(log.warning, "a forgotten parcel is adopted")
    parcel.collect_by = timing.collect_by(at.session, at.locker, parcel)
    at.tell(parcel, "adopted", event, compartment=event.compartment, detail=parcel.evidence)
    at.notify(parcel, "parcel.adopted", event, compartment=event.compartment)


def complete_right(at: At, event: CustodyReported, parcel: Parcel) -> None:
    """Wish the right under which a parcel lies there, if none is known or it lay elsewhere."""
    if parcel.right_id is None or uuid_of(event.right_id) != parcel.right_id:
        return
    known = at.session.get(Right, (at.locker.id, parcel.right_id))
    if known is None:
        rights.wish(at.session, at.locker, as_right(event, parcel))
        _remember_code(at, event, parcel.right_id)
        return
    relocate(at, parcel.right_id, event.compartment)


def as_right(event: CustodyReported, parcel: Parcel) -> messages.Right:
    """Return the right by which the locker goes: to collect, or that of a drop-off."""
    return messages.Right(
        id=event.right_id or "",
        kind="drop_off" if parcel.kind == "drop_off" else "collect",
        carrier_id=event.carrier_id,
        parcel_id=event.parcel_id,
        label_macs=(event.label_mac,) if event.label_mac else (),
        code_mac=event.code_mac,
        long_code_mac=event.long_code_mac,
        qr_mac=event.qr_mac,
        compartment=event.compartment,
    )


def as_deposit(event: CustodyReported, parcel: Parcel) -> Deposited:
    """Return the deposit that was never sent: its journal is lost, its parcel lies there."""
    return Deposited(
        seq=event.seq,
        prev=event.prev,
        at=event.at,
        clock=event.clock,
        boot_id=event.boot_id,
        mono_ms=event.mono_ms,
        parcel_id=event.parcel_id,
        carrier_id=event.carrier_id,
        label_mac=event.label_mac,
        compartment=event.compartment,
        right_id=str(parcel.right_id) if parcel.right_id else None,
        evidence="none",
    )


def _remember_code(at: At, event: CustodyReported, right_id: UUID) -> None:
    """Find out which of the codes that a right may have is the one that the locker knows."""
    if at.secrets is None or event.code_mac is None:
        return
    k_locker = at.secrets.k_locker(at.locker.id, at.locker.k_version)
    for n in rights.NUMBERS_EVER:
        if rights.code_mac(k_locker, at.secrets.k_codes, right_id, n=n) == event.code_mac:
            code = RightCode(
                right_id=right_id, locker_id=at.locker.id, n=n, code_mac=event.code_mac
            )
            at.session.add(code)
            return


def uuid_of(text: str | None) -> UUID | None:
    """Return an id that a locker said; None if it is no UUID."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
