"""PURE: what `data` of each type of event says. For documents: no event is checked when it is sent.

The tests hold every event that they see to its model, so that none says more or less. A member
that is not always there is `SOMETIMES`, and is then not null but left out.
"""

from typing import Any, Literal

from pydantic import Field

from fellesskap_backend.reservations.shapes import ShownLabel
from fellesskap_backend.shapes import Alternative, Duration, Id, Instant, Shown


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


SOMETIMES: Any = Field(default=None, json_schema_extra=_without_default)


# What several types have in common ---------------------------------------------------------------


class Place(Shown):
    """Which locker, and where it stands."""

    id: str
    address: str


class OfReservation(Shown):
    """What is about a reservation."""

    on_behalf_of: Id = SOMETIMES
    """Of one that you made for another carrier: for which. That carrier hears the same without."""


class OfWish(OfReservation):
    """What is about a reservation that waits for a cut-off, or waited in vain."""

    reservation_id: Id
    label: ShownLabel
    locker_id: str
    locker: Place


class OfParcel(Shown):
    """What is about a parcel that is expected, lies in the locker, or was there."""

    parcel_id: Id
    reservation_id: Id | None
    right_id: Id | None
    label: ShownLabel | None
    locker_id: str
    locker: Place
    drop_off_id: Id = SOMETIMES
    """Of a drop-off and its parcel alone."""
    reference: str = SOMETIMES
    """Yours, of a drop-off and its parcel alone."""


class Moved(OfParcel):
    """What became of it."""

    compartment: int | None
    """Where it lies, or lay; null: in none."""
    late: bool
    """Whether we had ended it already, or never heard how it began."""


class Ended(OfReservation):
    """A reservation that ended: while it waited for a cut-off, or with its parcel."""

    reservation_id: Id
    label: ShownLabel
    locker_id: str
    locker: Place
    cut_off: Instant = SOMETIMES
    """Of one that waited for it; the next four are of one that did not."""
    parcel_id: Id = SOMETIMES
    right_id: Id = SOMETIMES
    compartment: None = SOMETIMES
    late: bool = SOMETIMES


class WithCode(Shown):
    """The code: in webhooks alone, while it opens anything."""

    pickup_code: str = SOMETIMES
    addition: str = SOMETIMES
    qr: str = SOMETIMES


class Decided(Shown):
    """What was decided at a cut-off says so."""

    cut_off: Instant
    decided_at: Instant
    decision_id: Id
    code_at: Literal["deposit", "reservation"]


class PerhapsDecided(Shown):
    """The same, where most are answered at once."""

    cut_off: Instant = SOMETIMES
    decided_at: Instant = SOMETIMES
    decision_id: Id = SOMETIMES
    code_at: Literal["deposit", "reservation"] = SOMETIMES


# Reservations ------------------------------------------------------------------------------------


class ReservationRequested(OfWish):
    """It holds nothing yet."""

    cut_off: Instant
    """At which it is decided."""


class ReservationConfirmed(WithCode, PerhapsDecided, OfReservation, OfParcel):
    """Room is held, or noted."""

    hold: Literal["hard", "soft"]
    deposit_by: Instant


class ReservationRejected(Decided, OfWish):
    """There was no room for it."""

    reason: str
    alternatives: list[Alternative]


class ReservationSoftened(OfReservation, OfParcel):
    """It may find room; none is held."""

    reserve_until: Instant


class ReservationChanged(OfReservation, OfParcel):
    """Its times, as they are now."""

    deposit_by: Instant
    reserve_until: Instant | None
    collect_within: Duration


class ReservationCancelled(Ended):
    """By its carrier."""


class ReservationExpired(Ended):
    """By time."""

    deposit_by: Instant


class ReservationDiverted(OfReservation, Moved):
    """By the locker."""

    alternatives: list[Alternative]
    reason: str = SOMETIMES
    """Of a locker that is out of service, or given up."""
    note: str = SOMETIMES
    """Of one that is given up: in the operator's words."""


# Parcels and drop-offs ---------------------------------------------------------------------------


class ParcelDeposited(WithCode, Moved):
    """It lies in the locker."""

    evidence: str = SOMETIMES
    collect_by: Instant | None = SOMETIMES
    """Null: it is not known yet. Left out: it is gone, or in dispute, by now."""
    replaces: Id | None = SOMETIMES
    """Of one that was not announced: which parcel was expected in its place."""


class ParcelFailed(Moved):
    """No door opened for it."""

    reason: str
    alternatives: list[Alternative] = SOMETIMES


class ParcelUpsized(Moved):
    """From one compartment to another, by their numbers."""

    from_: int = Field(alias="from")
    to: int


class ParcelTimed(Moved):
    """Until when it is to be collected, or was."""

    collect_by: Instant | None


class ParcelRecalled(Moved):
    """Its code opens no more."""


class ParcelTaken(Moved):
    """It is gone, and by what that is known."""

    evidence: str


class ParcelDisputed(Moved):
    """Why."""

    reason: str
    note: str = SOMETIMES
    """Where its locker is given up: in the operator's words."""


class ParcelLost(Moved):
    """Why, and in the operator's words."""

    reason: str
    note: str


class ParcelAdopted(OfParcel):
    """Where it lies."""

    compartment: int


class ParcelResolved(Moved):
    """What became of it."""

    reason: Literal["deposited", "dropped_off", "collected", "removed", "picked_up", "lost"]
    collect_by: Instant | None = SOMETIMES
    """Of one that lies there."""


class DropOffAuthorised(WithCode, OfParcel):
    """Until when."""

    drop_off_by: Instant


class DropOffCancelled(Moved):
    """By its carrier; or its locker is out of service, or given up."""

    reason: str = SOMETIMES
    note: str = SOMETIMES


class DropOffExpired(Moved):
    """By time."""

    drop_off_by: Instant


class ParcelDroppedOff(Moved):
    """It lies in the locker, for a courier."""

    evidence: str
    collect_by: Instant | None


# What else is told -------------------------------------------------------------------------------


class PickupCodeChanged(OfParcel):
    """Which code, by its id."""

    code_id: Id


class DelegationChanged(Shown):
    """Who may do what for whom, and until when."""

    delegation_id: Id
    giver_id: Id
    receiver_id: Id
    may: list[str]
    ends_at: Instant


class WebhookDisabled(Shown):
    """Which endpoint, and why."""

    subscription_id: Id
    reason: Literal["gone"]


DATA: dict[str, type[Shown]] = {
    "reservation.requested": ReservationRequested,
    "reservation.confirmed": ReservationConfirmed,
    "reservation.rejected": ReservationRejected,
    "reservation.softened": ReservationSoftened,
    "reservation.changed": ReservationChanged,
    "reservation.cancelled": ReservationCancelled,
    "reservation.expired": ReservationExpired,
    "reservation.diverted": ReservationDiverted,
    "parcel.deposited": ParcelDeposited,
    "parcel.delivery_failed": ParcelFailed,
    "parcel.upsized": ParcelUpsized,
    "parcel.collected": ParcelTaken,
    "parcel.extended": ParcelTimed,
    "parcel.overdue": ParcelTimed,
    "parcel.recalled": ParcelRecalled,
    "parcel.removed": ParcelTaken,
    "parcel.disputed": ParcelDisputed,
    "parcel.lost": ParcelLost,
    "parcel.adopted": ParcelAdopted,
    "parcel.resolved": ParcelResolved,
    "drop_off.authorised": DropOffAuthorised,
    "drop_off.cancelled": DropOffCancelled,
    "drop_off.expired": DropOffExpired,
    "parcel.dropped_off": ParcelDroppedOff,
    "parcel.picked_up": ParcelTaken,
    "pickup_code.delegated": PickupCodeChanged,
    "pickup_code.rotated": PickupCodeChanged,
    "pickup_code.revoked": PickupCodeChanged,
    "delegation.given": DelegationChanged,
    "delegation.ended": DelegationChanged,
    "webhook.disabled": WebhookDisabled,
}
"""By type, in the order of `types.TYPES`."""
