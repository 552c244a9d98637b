"""What is shown of parcels."""

from typing import Literal

from typing_extensions import TypeAliasType

from fellesskap_backend.reservations.shapes import ShownLabel
from fellesskap_backend.shapes import Id, Instant, Shown

ParcelState = TypeAliasType(
    "ParcelState",
    Literal[
        "expected",
        "deposited",
        "collected",
        "overdue",
        "recalled",
        "removed",
        "disputed",
        "lost",
        "cancelled",
        "expired",
        "diverted",
        "delivery_failed",
        "authorised",
        "dropped_off",
        "picked_up",
    ],
)


class ParcelInList(Shown):
    """A physical item and where it stands; its history is with the parcel itself."""

    id: Id
    kind: Literal["last_mile", "drop_off"]
    state: ParcelState
    locker_id: str
    label: ShownLabel | None
    """Null for a drop-off, and for what a courier put in without a label."""
    reservation_id: Id | None
    drop_off_id: Id | None
    reference: str | None
    """What you call the drop-off; null if it is none."""
    compartment: int | None
    """As printed on the door."""
    deposited_at: Instant | None
    collect_by: Instant | None
    collected_at: Instant | None
    replaced_by: Id | None
    """The parcel that came instead, without the claim; its id is the locker's."""


class Entry(Shown):
    """One line of a parcel's history."""

    what: str
    at: Instant
    clock: Literal["trusted", "untrusted"]
    """Whether the locker's clock could be trusted when it wrote `at`."""
    recorded_at: Instant
    compartment: int | None


class Parcel(ParcelInList):
    """A physical item and its custody, with its history in the order of the ledger."""

    history: list[Entry]


class Parcels(Shown):
    """One page of a carrier's parcels, newest first."""

    parcels: list[ParcelInList]
    next: str | None
    """The `cursor` of the next page; null at the end."""
