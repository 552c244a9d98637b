"""What is shown of policies."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from fellesskap_backend.shapes import Instant, Shown

Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
"""A day at the lockers."""


class InWords(Shown):
    """The rules in plain words: a heading, and a line for each."""

    nb: str
    """Norwegian (Bokmål)."""
    en: str
    """English."""


class PolicyVersion(Shown):
    """One version: announced before it was in force, and never changed."""

    policy: str
    """As decisions name it: `fair-share v1`."""
    version: int
    announced_at: Instant
    in_force_from: Instant
    rules: dict[str, Any]
    """Its numbers, as decisions are computed by them."""
    in_words: InWords


class PublishedWeight(Shown):
    """One carrier's weight; whose it is, only that carrier is told."""

    weight: int
    is_entrant: bool
    """New in this contract period: it shares what is set aside for carriers that are."""


class WeightPeriod(Shown):
    """The weights of a contract period, the heaviest first."""

    begins_on: Day
    announced_at: Instant
    weights: list[PublishedWeight]
    own: PublishedWeight | None
    """Yours, with a carrier's key; null: none, or nobody said who you are."""


class AcceptedReview(Shown):
    """A quarter's review of quotas that an operator accepted; what yours became, receipts say."""

    quarter: Day
    """The first day of the quarter that was looked at."""
    accepted_at: Instant
    in_force_from: Day
    """From this day on, until the next review or new weights."""
    lockers: int
    """At how many lockers."""


class OwnStanding(Shown):
    """How you stand, as of the morning of a day: what that day's decisions go by."""

    day: Day
    weight: int
    """0: none is published for you, so nothing is guaranteed to you."""
    is_entrant: bool
    memory_permille: int
    """Your largest share of any class's compartment-hours in the last 28 days."""
    holds: int
    """How many claims of yours ended in those: a parcel came, or nobody. Those that you cancelled
    are not among them."""
    no_shows: int
    """To how many of them nobody came, until their `deposit_by`."""
    excused: int
    """How many of those had a cause beyond your control."""


class PublishedPolicy(Shown):
    """By which rules room is given."""

    in_force: str
    """By which version decisions are made now; `first-come v0`: none was announced for today."""
    in_words: InWords
    coming: str | None
    """The next one, if one was announced."""
    versions: list[PolicyVersion]
    """All that were ever announced, newest first."""
    weights: list[WeightPeriod]
    """Of the contract period that lasts and of those to come, newest first."""
    reviews: list[AcceptedReview]
    """That count in the contract period that lasts, or will, newest first."""
    own_standing: OwnStanding | None
    """With a carrier's key, once there is one."""
