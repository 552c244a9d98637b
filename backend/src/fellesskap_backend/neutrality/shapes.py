"""What is shown of a month; what may not be told is null."""

from typing import Literal

from fellesskap_backend.shapes import Id, Instant, Shown


class Denied(Shown):
    """Refusals by their reason."""

    duplicate_parcel: int | None
    locker_unavailable: int | None
    no_fitting_compartment: int | None
    no_accessible_compartment: int | None
    locker_full: int | None
    quota_exceeded: int | None


class NeutralTotal(Shown):
    """What all carriers together got in a month; null: it would tell of a single one."""

    requested: int | None
    """Requests for room that were answered, confirmed or not."""
    served: int | None
    """Those that were confirmed."""
    denied: Denied
    upsized: int | None
    """How often a courier was given a larger door at the locker; it costs nothing."""
    no_shows: int | None
    """Claims to which nobody came by `deposit_by`, and nothing excuses it, as standings count."""
    below_quota: int | None
    """Refusals for want of room while less than the entitlement to that size was in use."""
    complaints: int | None
    """Of these, such as would have been served had others had no more than their part."""
    unexplained: int | None
    """Of these again, such as nothing explains: there must be none."""
    borrowed_hours: float | None
    """Compartment-hours in room that was others' and lent."""
    lent_hours: float | None
    """Compartment-hours in which others had room that was one's own."""


class Complained(Shown):
    """A refusal that is complained of with reason."""

    decision_id: Id
    locker_id: str
    at: Instant
    why: Literal["unexplained", "given_later", "lies_there"]
    because: str


class NeutralOwn(NeutralTotal):
    """What you got; null: it depends on others, or the month is not over."""

    complained: list[Complained] | None
    """The unexplained ones; null while the month is not over."""


class NeutralCarrier(NeutralTotal):
    """What one carrier got."""

    pseudonym: str
    """The same throughout a month's report, and another one each month."""
    complained: list[Complained]
    """At most 1,000, the unexplained first."""


class NeutralReport(Shown):
    """How carriers were treated in a month, by the calendar at the lockers (Europe/Oslo)."""

    month: str
    begins_at: Instant
    ends_at: Instant
    complete: bool
    """Whether the month is over and was counted for good."""
    until: Instant
    """Up to when it is counted."""
    total: NeutralTotal
    jain: float | None
    """Jain's index of the served shares: 1 if all carriers were served alike."""
    yours: NeutralOwn | None
    """For a carrier."""
    carriers: list[NeutralCarrier] | None
    """For operators and auditors."""
