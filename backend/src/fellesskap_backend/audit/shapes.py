"""What auditors are shown of decisions."""

from fellesskap_backend.cut_offs.shapes import DayLots
from fellesskap_backend.policies.shapes import Day
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


class AuditedPolicy(Shown):
    """One announced version; `body` is `rules` of `/v1/policy`, to the byte."""

    version: int
    body: str
    announced_at: Instant
    in_force_from: Instant


class AuditedWeight(Shown):
    """A carrier's weight in a contract period, with the number by which decisions know it."""

    begins_on: Day
    carrier_number: int
    weight: int
    is_entrant: bool
    announced_at: Instant


class AuditedStanding(Shown):
    """How a carrier stood on the morning of a day."""

    day: Day
    carrier_number: int
    weight: int
    is_entrant: bool
    memory_permille: int
    holds: int
    no_shows: int
    excused: int
    made_at: Instant


class AuditedReview(Shown):
    """What a quarter's review made of a locker's quotas; it counts once it was accepted."""

    locker_id: str
    quarter: Day
    body: str
    proposed_at: Instant
    accepted_at: Instant | None
    in_force_from: Day | None


class AuditedDay(Shown):
    """A day for which it was said, before it began, which lockers decide at cut-offs."""

    day: Day
    policy: str
    key_hash: str
    announced_at: Instant
    ends_at: Instant


class AuditedCutOff(Shown):
    """A cut-off of a locker."""

    locker_id: str
    at: Instant
    day: Day
    begins_at: Instant
    load_permille: int
    decided_at: Instant | None


class AuditedRules(Shown):
    """The rows by which was decided: what the chains say must be what stands here."""

    policies: list[AuditedPolicy]
    """All of them, on every page."""
    weights: list[AuditedWeight]
    """All of them, on every page."""
    standings: list[AuditedStanding]
    """Of the days by which was decided on the page."""
    reviews: list[AuditedReview]
    """Of the lockers on the page."""
    days: list[AuditedDay]
    cut_offs: list[AuditedCutOff]
    """Of the days whose cut-offs decided what is on the page, at its lockers."""


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
    rules: AuditedRules
    closed: ClosedHours | None
    next: str | None
    """The `cursor` of the next page; null at the end."""
