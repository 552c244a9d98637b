"""Moves a parcel as `parcels.machine` says, and performs the effects on places, rights and claims.

Called with the locker's row locked: by the ledger for what an edge says, by the services for what
people wish, by `deadlines` for what time does.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import update
from sqlalchemy.orm import Session

from fellesskap_backend.allocation.view import Use
from fellesskap_backend.committed import when_committed
from fellesskap_backend.db import held, instant
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.lockers.tables import Compartment
from fellesskap_backend.parcels import timing
from fellesskap_backend.parcels.machine import (
    CLOCK_RUNS,
    RESERVATION,
    Effect,
    Step,
    step_of,
)
from fellesskap_backend.parcels.tables import Parcel
from fellesskap_backend.parcels.telling import Cause
from fellesskap_backend.pickup_codes import following
from fellesskap_backend.reservations.tables import Claim, Reservation
from fellesskap_backend.rights import service as rights
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol import messages

log = logging.getLogger(__name__)


class CannotMove(Exception):
    """Something that the rows do not allow; says why without quoting anybody."""


@dataclass(frozen=True)
class Facts:
    """What is known of an act beside its name; `data` is told in the notice."""

    compartment: int | None = None
    evidence: str | None = None
    detail: str | None = None
    by_claim: bool = True
    """Whether a deposit came by the claim; else the claim counts until its revision is applied."""
    by_allowance: bool = False
    """Whether a deposit drew on what the locker may give away, and so on nobody's quota."""
    data: dict[str, Any] = field(default_factory=dict)


NOTHING = Facts()


def move(cause: Cause, parcel: Parcel, act: str, facts: Facts = NOTHING) -> Step | None:
    """Let an act happen to a parcel; return the step, or None if it cannot happen."""
    step = step_of(parcel.kind, parcel.state, act)
    if step is None:
        return None
    parcel.state = step.to
    if facts.evidence is not None:
        parcel.evidence = facts.evidence
    for effect in step.effects:
        EFFECTS[effect](cause, parcel, facts)
    if step.entry is not None:
        where = facts.compartment if facts.compartment is not None else parcel.compartment
        detail = [facts.evidence, facts.detail, "late" if step.late else None]
        text = ", ".join(part for part in detail if part) or None
        cause.tell(parcel, step.entry, compartment=where, detail=text)
    if step.notice is not None and not is_unannounced(parcel, step.notice):
        cause.notify(parcel, step.notice, told_of(parcel, step, facts))
    return step


def is_unannounced(parcel: Parcel, notice: str) -> bool:
    """Say whether a deposit is told later: its right, and so its code, is made by the worker."""
    return notice == "parcel.deposited" and parcel.right_id is None


def told_of(parcel: Parcel, step: Step, facts: Facts) -> dict[str, Any]:
    """Return what a notice says beside who and where."""
    told: dict[str, Any] = {"compartment": parcel.compartment, "late": step.late}
    if facts.evidence is not None:
        told["evidence"] = facts.evidence
    if facts.detail is not None:
        told["reason"] = facts.detail
    if parcel.state in (*CLOCK_RUNS, "overdue"):
        told["collect_by"] = instant(parcel.collect_by) if parcel.collect_by else None
    return told | facts.data


# Where it lies -----------------------------------------------------------------------------------


def _occupy(cause: Cause, parcel: Parcel, facts: Facts) -> None:
    """Put it there; one that was there until now is displaced: the physical wins."""
    number = facts.compartment
    place = _place(cause, number)
    if place.parcel_id is not None and place.parcel_id != parcel.id:
        other = held(cause.session, Parcel, place.parcel_id)
        if other is not None and other.compartment == number:
            text = "locker %s: compartment %d was given twice"
            when_committed(cause.session, log.error, text, cause.locker.id, place.number)
            move(cause, other, "displaced", Facts(detail="displaced"))
    if parcel.compartment not in (None, number):
        before = _place(cause, parcel.compartment)
        if before.parcel_id == parcel.id:
            before.empty_of("unknown")
            before.service = "suspect"
    place.content, place.parcel_id = "parcel", parcel.id
    place.used_by, place.used_as = counts_as(cause.session, parcel, facts)
    parcel.compartment = number


def counts_as(
    session: Session, parcel: Parcel, facts: Facts = NOTHING
) -> tuple[int | None, str | None]:
    """Return whose claim a parcel that lies there took, and as what that counts; or nothing.

    Its claim is in hand already where an event is applied: it costs no statement.
    """
    if parcel.reservation_id is None or parcel.right_id is None or facts.by_allowance:
        return None, None
    claim = held(session, Claim, parcel.right_id)
    if claim is None or claim.use_size is None:
        return None, None
    use = Use(str(claim.carrier_number), claim.use_size, claim.part == "accessible")
    return claim.carrier_number, use.word


def _vacate(cause: Cause, parcel: Parcel, facts: Facts) -> None:
    place = _place(cause, facts.compartment)
    if place.parcel_id in (None, parcel.id):
        place.empty_of("empty")
    if parcel.state == "collected":
        parcel.collected_at = cause.happened_at


def _doubt(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    place = held(cause.session, Compartment, cause.locker.id, parcel.compartment or 0)
    if place is not None and place.parcel_id == parcel.id:
        place.empty_of(place.content)
        if place.service == "in":
            place.service = "suspect"


def _place(cause: Cause, number: int | None) -> Compartment:
    found = held(cause.session, Compartment, cause.locker.id, number or 0)
    if found is None:
        raise CannotMove("the compartment was never described")
    return found


def _begin_clock(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    parcel.deposited_at, parcel.collected_at = cause.happened_at, None
    parcel.collect_by = timing.collect_by(cause.session, cause.locker, parcel)


# Reservation and claim ---------------------------------------------------------------------------


def _fulfil(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    if parcel.reservation_id is None:
        return
    reservation = held(cause.session, Reservation, parcel.reservation_id)
    if reservation is not None:
        reservation.state = RESERVATION[reservation.state]["fulfil"].to


def _free_claim(cause: Cause, parcel: Parcel, facts: Facts) -> None:
    if parcel.right_id is None:
        return
    claim = held(cause.session, Claim, parcel.right_id)
    if claim is None or claim.released:
        return
    if facts.by_claim:
        claim.released = True
    else:
        claim.released_at_revision = cause.locker.revision


def _take_claim(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    if parcel.right_id is None:
        return
    following.forget(cause.session, cause.locker, parcel, cause.moment.now)
    revision = rights.forget(cause.session, cause.locker, parcel.right_id)
    rights.retire_code(cause.session, parcel.right_id, cause.moment.now)
    claim = held(cause.session, Claim, parcel.right_id)
    if claim is not None and not claim.released:
        claim.released_at_revision = revision


# Rights ------------------------------------------------------------------------------------------


def _let_collect(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    """Wish the right as one to collect; it comes back if time had taken it away."""
    if parcel.right_id is None:
        return
    known = _known(cause, parcel)
    if known is None:
        raise CannotMove("the right was never wished")
    right = msgspec.structs.replace(
        known,
        kind="collect",
        parcel_id=str(parcel.id),
        compartment=parcel.compartment,
        revoked=False,
    )
    rights.wish(cause.session, cause.locker, right)
    code = held(cause.session, RightCode, parcel.right_id)
    if code is not None and right.code_mac is not None:  # None: its carrier revoked it
        code.removed_at = None
    following.let(cause.session, cause.locker, parcel)


def _revoke(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    """Say that the right is good for nothing: the edge keeps it while the parcel lies there."""
    following.forget(cause.session, cause.locker, parcel, cause.moment.now)
    known = _known(cause, parcel)
    if known is not None and not known.revoked:
        revoked = msgspec.structs.replace(known, revoked=True)
        rights.wish(cause.session, cause.locker, revoked)


def _known(cause: Cause, parcel: Parcel) -> messages.Right | None:
    """Return the right as it was wished last, also if it was taken away."""
    row = held(cause.session, Right, cause.locker.id, parcel.right_id) if parcel.right_id else None
    return None if row is None else messages.decode(messages.Right, row.body)


def _let_remove(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    if parcel.remove_right_id is None:
        parcel.remove_right_id = cause.moment.new_id()
    right = messages.Right(
        id=str(parcel.remove_right_id),
        kind="remove",
        carrier_id=str(parcel.carrier_id),
        parcel_id=str(parcel.id),
        compartment=parcel.compartment,
    )
    rights.wish(cause.session, cause.locker, right)


def _stop_remove(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    if parcel.remove_right_id is not None:
        rights.forget(cause.session, cause.locker, parcel.remove_right_id)


def _forget(cause: Cause, parcel: Parcel, facts: Facts) -> None:
    _stop_remove(cause, parcel, facts)
    following.forget(cause.session, cause.locker, parcel, cause.moment.now)
    if parcel.right_id is not None:
        rights.forget(cause.session, cause.locker, parcel.right_id)
    _retire_code(cause, parcel, facts)


def _retire_code(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    if parcel.right_id is not None:
        rights.retire_code(cause.session, parcel.right_id, cause.moment.now)


def _end_offer(cause: Cause, parcel: Parcel, _facts: Facts) -> None:
    cause.session.execute(update(DropOff).where(DropOff.parcel_id == parcel.id).values(ended=True))


EFFECTS: dict[Effect, Callable[[Cause, Parcel, Facts], None]] = {
    "occupy": _occupy,
    "begin_clock": _begin_clock,
    "fulfil": _fulfil,
    "free_claim": _free_claim,
    "take_claim": _take_claim,
    "let_collect": _let_collect,
    "revoke": _revoke,
    "let_remove": _let_remove,
    "stop_remove": _stop_remove,
    "forget": _forget,
    "vacate": _vacate,
    "doubt": _doubt,
    "retire_code": _retire_code,
    "end_offer": _end_offer,
}
