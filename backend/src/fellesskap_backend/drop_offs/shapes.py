"""What is shown of drop-offs."""

from typing import Literal

from typing_extensions import TypeAliasType

from fellesskap_backend.shapes import Duration, Id, Instant, Shown

DropOffState = TypeAliasType(
    "DropOffState",
    Literal[
        "authorised",
        "dropped_off",
        "overdue",
        "picked_up",
        "cancelled",
        "expired",
        "disputed",
        "lost",
    ],
)


class DropOff(Shown):
    """What a person may put in; a courier of the carrier takes it out by badge."""

    id: Id
    state: DropOffState
    parcel_id: Id
    """The parcel by which its custody and history are read."""
    locker_id: str
    reference: str
    size_class: str | None
    """The smallest class whose box holds it; null if it is larger than all."""
    drop_off_by: Instant
    pick_up_within: Duration
    created_at: Instant
    code: str | None = None
    """Eight digits, while they are of use."""
    addition: str | None = None
    """Four digits more, if the locker asks for them."""
    qr: str | None = None
    """The text of a QR code that opens as the digits do."""


class DropOffs(Shown):
    """One page of a carrier's drop-offs, newest first; no code stands in a list."""

    drop_offs: list[DropOff]
    next: str | None
    """The `cursor` of the next page; null at the end."""
