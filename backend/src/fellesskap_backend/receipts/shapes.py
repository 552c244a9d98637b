"""What is shown of decisions, receipts and roots."""

from typing import Literal

from fellesskap_backend.policies.shapes import Day
from fellesskap_backend.reservations.shapes import Box
from fellesskap_backend.shapes import Id, Instant, Shown


class DecidedTogether(Shown):
    """At which cut-off it was decided, and by which lot."""

    day: Day
    cut_off: Instant
    key_hash: str
    """Of the day's key: as `/v1/audit/lots` published it before the day began."""
    ticket: str
    """SHA-256 (base64url) of your id, a space, and `sscc:`, `s10:` or `opaque:` with the label."""
    lot: str
    """HMAC-SHA256 of the day's key and the ticket, in hex: the lowest of yours was tried first."""


class DecidedRequest(Shown):
    """What was asked for, as it was decided; no label is part of it."""

    dimensions: Box
    needs: list[str]
    hold: str
    is_duplicate: bool
    """Whether you had a live parcel with this label."""
    deposit_by: Instant
    reserve_until: Instant | None
    collect_within_s: int


class ReceiptShown(Shown):
    """What `fellesskap-audit verify` takes beside the roots."""

    hour: Instant
    """Under whose root it stands: when that hour began."""
    decision: str
    """What was committed to, to the byte: the answer's members, and `record` for auditors."""
    salt: str
    place: int
    path: list[str]


class DecisionShown(Shown):
    """One answer of the allocation policy to one of your requests."""

    id: Id
    locker_id: str
    carrier_id: Id
    at: Instant
    policy: str
    """By which rules it was decided: name and version."""
    request: DecidedRequest
    outcome: str
    """`confirmed`, or the `reason` of the refusal."""
    part: Literal["guaranteed", "beyond", "accessible"] | None = None
    """Of your guaranteed part, beyond it (of the commons, or lent), or of the low compartments that
    are kept; null if no room was given, or nothing is held."""
    quota: int | None = None
    """How many compartments of its class you are guaranteed at the locker; null by `first-come`."""
    used: int | None = None
    """How many of that class you used before."""
    held_for_s: int | None = None
    """How long its claim waits, if that is shorter than you asked: for your no-shows."""
    batch: DecidedTogether | None = None
    """Null if it was answered at once."""
    because: str
    """The same in words."""
    receipt: ReceiptShown | None
    """Null until the tree of its hour is made."""
    receipt_at: Instant | None
    """When that will be; null if there is a receipt, or was none in time."""


class Roots(Shown):
    """One signed root an hour, oldest first: a file that `fellesskap-audit verify` takes."""

    keys: list[str]
    """The public keys (Ed25519, base64url) that signed some of them."""
    roots: list[str]
    """Each a compact JWS."""
    next: Instant | None
    """The `since` of the next page."""
