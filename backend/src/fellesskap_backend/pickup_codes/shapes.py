"""What is shown of pickup codes."""

from typing import Literal

from fellesskap_backend.shapes import Id, Instant, Shown


class PickupCodeInList(Shown):
    """By what a parcel is collected; the code itself stands in no list."""

    id: Id
    """For the recipient's own it is the `right_id` of the reservation."""
    parcel_id: Id
    is_for: Literal["recipient", "somebody_else"]
    reference: str | None
    """What you call it, of a second code."""
    state: Literal["live", "revoked", "over"]
    """Over: the parcel is gone, or nobody may collect it."""
    effective: Literal["pending", "in_force"]
    """Whether the locker has said that it has heard. Pending: it still opens by what was before."""
    created_at: Instant
    revoked_at: Instant | None


class PickupCode(PickupCodeInList):
    """By what a parcel is collected, with the code while it is live."""

    code: str | None = None
    """Eight digits."""
    addition: str | None = None
    """Four digits more, if the locker asks for them."""
    qr: str | None = None
    """The text of a QR code that opens as the digits do."""


class PickupCodes(Shown):
    """The codes of a parcel, the recipient's first."""

    pickup_codes: list[PickupCodeInList]
