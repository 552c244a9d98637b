"""What is shown of badges."""

from typing import Literal

from fellesskap_backend.shapes import Id, Instant, Shown


class CourierBadge(Shown):
    """What a courier shows at lockers to act for carriers, with or without network."""

    id: Id
    state: Literal["live", "revoked", "expired"]
    carriers: list[Id]
    lockers: list[str]
    may: list[Literal["deposit", "remove"]]
    issued_at: Instant
    expires_at: Instant
    """No later than the first of the delegations that it rests on ends."""
    revoked_at: Instant | None
    not_heard_by: list[str]
    """Lockers that have not heard yet that it is revoked, and believe it until it expires."""


class CourierBadgeIssued(CourierBadge):
    """A badge with what its QR code says."""

    token: str | None = None
    """The text of the QR code, at most 1,000 characters; left out once it is of no use."""


class CourierBadges(Shown):
    """One page of your badges, newest first."""

    courier_badges: list[CourierBadge]
    next: str | None
    """The `cursor` of the next page; null at the end."""


class DepositAuth(Shown):
    """What you want to see before a door opens for the label of an expected parcel."""

    deposit_auth: Literal["label", "badge"]
    """`label`: that is enough. `badge`: besides, a badge that names you, once in a visit."""
    changed_at: Instant | None
    """Null: it was never changed."""
    not_heard_by: int
    """So many lockers have not heard the newest yet, and go by what was before."""


class ToTakeOut(Shown):
    """One parcel that the badge takes out."""

    parcel_id: Id
    carrier_id: Id
    compartment: int
    """As printed on the door."""
    kind: Literal["overdue", "recalled", "return", "disputed"]
    """Why; `disputed`: overdue or recalled, and in dispute meanwhile."""
    reference: str | None
    """What its carrier calls it: the text on its label, or the reference of a drop-off."""


class SweptLocker(Shown):
    """What lies at one locker."""

    locker_id: str
    parcels: list[ToTakeOut]
    """In the order of the doors, as they will open."""


class SweepList(Shown):
    """What a badge takes out, by locker."""

    badge_id: Id
    lockers: list[SweptLocker]
