"""What is shown of reservations."""

from typing import Literal

from typing_extensions import TypeAliasType

from fellesskap_backend.shapes import Alternative, Duration, Id, Instant, Shown

ReservationState = TypeAliasType(
    "ReservationState",
    Literal["requested", "confirmed", "rejected", "fulfilled", "cancelled", "expired", "diverted"],
)


class ShownLabel(Shown):
    """By what the parcel is known when its label is scanned."""

    kind: Literal["sscc", "s10", "reference"]
    value: str


class Box(Shown):
    """The parcel's box in mm and its weight in g."""

    w_mm: int
    h_mm: int
    d_mm: int
    g: int


class Reservation(Shown):
    """A carrier's request for room, and what became of it."""

    id: Id
    state: ReservationState
    hold: Literal["hard", "soft"]
    """Hard: room is kept for it. Soft: it is served from what the locker may give away."""
    parcel_id: Id | None
    right_id: Id | None
    """Both null until it is confirmed."""
    locker_id: str
    label: ShownLabel
    dimensions: Box
    size_class: str | None
    """The smallest class whose box holds it; null if it is larger than all."""
    needs: list[str]
    reserve_until: Instant | None
    """When a hard one turns soft; null: never."""
    deposit_by: Instant
    collect_within: Duration
    code_at: Literal["deposit", "reservation"]
    acted_by: Id | None
    """The carrier that made it on your behalf, by a delegation; null: yourself."""
    delivered_to_locker: bool
    """Whether the locker has said that it knows of it."""
    created_at: Instant
    cut_off: Instant | None
    """At which cut-off of its locker it is decided, or was; null: it was answered at once."""
    decided_at: Instant
    """When it was decided, late or not; while it is `requested`, when it is to be."""
    decision_id: Id | None
    """The decision, for whoever asks why; null while it is `requested`, or was withdrawn then."""
    reject_reason: str | None
    """Why it was given no room at the cut-off: one of the codes of the problems."""
    alternatives: list[Alternative] | None
    """If so: up to three lockers nearby with room for it, the nearest first."""
    pickup_code: str | None = None
    """Eight digits; only where `code_at` is `reservation`, and never in a list."""
    addition: str | None = None
    """Four digits more, if the locker asks for them."""


class Reservations(Shown):
    """One page of a carrier's reservations, newest first."""

    reservations: list[Reservation]
    next: str | None
    """The `cursor` of the next page; null at the end."""
