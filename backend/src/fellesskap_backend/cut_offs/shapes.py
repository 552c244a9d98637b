"""What is shown of cut-offs: how a locker decides, and the keys to the lots."""

from typing import Literal

from fellesskap_backend.policies.shapes import Day
from fellesskap_backend.shapes import Instant, Shown


class DayAllocation(Shown):
    """How a locker answers requests on a day."""

    mode: Literal["at_once", "batch"]
    """`batch`: so much was asked for lately that hard ones wait for a cut-off (202): who asks first
    is no matter. How much it was is told to auditors alone: it would tell of rivals."""
    date: Day
    cut_offs: list[Instant]
    """When it decides; after the last one who comes first is answered at once."""


class Allocation(DayAllocation):
    """How a locker answers requests today, and tomorrow."""

    next_cut_off: Instant | None
    """What is asked now is decided then; null: at once. One in the past is being decided late."""
    coming: DayAllocation | None
    """Tomorrow; null: not announced yet."""


class DayLots(Shown):
    """With which key the lots of a day are drawn."""

    date: Day
    policy: str
    """By which version the day was announced."""
    key_hash: str
    """SHA-256 of the key, in hex: it was published before the day began."""
    key: str | None
    """The key (base64url); null: the day is not over, or something of it is still to be decided."""


class Lots(Shown):
    """One row a day, oldest first: a file that `fellesskap-audit verify --lots` takes."""

    lots: list[DayLots]
    next: Day | None
    """The `since` of the next page."""
