"""What auditors are shown of decisions."""

from fellesskap_backend.cut_offs.shapes import DayLots
from fellesskap_backend.shapes import Id, Instant, Shown


class ChainHead(Shown):
    """How far a locker's chain goes."""

    locker_id: str
    decided: int
    """How many decisions there are: the number of the last one."""
    hash: str
    """The SHA-256 of the last one's body, in hex."""


class AuditedReceipt(Shown):
    """What the carrier was told, and where it stands in the tree of its hour."""

    hour: Instant
    told_to: Id
    decision: str
    """What was committed to, to the byte."""
    salt: str
    leaf: str | None
    """SHA-256 of salt and decision; null: the row was spoilt."""
    place: int
    path: list[str]


class AuditedDecision(Shown):
    """One decision as it is stored: `body` says all that it was made from, and its position."""

    locker_id: str
    number: int
    id: Id
    carrier_id: Id
    at: Instant
    body: str
    """To the byte: its SHA-256 is the `prev` of the next one's body."""
    hash: str
    receipt: AuditedReceipt | None
    """Null until the tree of its hour is made."""


class AuditedRoot(Shown):
    """The tree of an hour, with the seed by which padding and `record` are opened."""

    hour: Instant
    size: int
    root: str
    seed: str
    key: str
    """The public key (Ed25519, base64url) that signed it."""
    jws: str


class ClosedHours(Shown):
    """From which hour to which there are trees."""

    first: Instant
    last: Instant


class AuditPage(Shown):
    """One page of decisions, in the order of lockers and of their chains.

    As a line of a file it is what `fellesskap-backend decisions replay --from-export` reads.
    """

    locker_id: str | None
    """Of which locker alone; null: of all."""
    chains: list[ChainHead]
    """Of the lockers on this page."""
    decisions: list[AuditedDecision]
    roots: list[AuditedRoot]
    """Of the hours in which the page's receipts are."""
    lots: list[DayLots]
    """Of the days whose cut-offs decided what is on the page."""
    closed: ClosedHours | None
    next: str | None
    """The `cursor` of the next page; null at the end."""
