"""PURE: the policy `fair-share v1` as data: versioned, frozen, refused where it contradicts itself.

Shares are whole permille and times whole minutes, so that whoever replays a decision computes with
the same numbers. `allocation.wording` says the same to people.
"""

from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Permille = Annotated[int, Field(ge=0, le=1_000)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""A time of day at the locker, `HH:MM`."""
Reserved = Literal["counted", "in_place", "anywhere"]
"""`in_place`: in the place of one that is kept so, if all else that is kept is served; `counted`: a
low one found otherwise is one of these too; `anywhere`: also of what is kept for others."""
DAY_MIN = 24 * 60
BEFORE = {"reserved": "anywhere", "commons": "as_divided"}
"""What a version does that was announced before it could say so."""


class NotInForce(ValueError):
    """A policy may not follow the one before it."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hold(_Data):
    """Until when an entitlement that nobody uses is kept for its carrier.

    All of it from `kept_from` to `kept_until`, then less each minute, none from `lent_at` on: the
    planner's slots are used or given up (EU slots, Council Regulation 95/93 art. 10).
    """

    kept_from: Clock = "20:00"
    kept_until: Clock = "10:00"
    lent_at: Clock = "14:00"

    def kept_permille(self, minute: int) -> int:
        """Say how much of what is unused is kept at a minute of the day.

        >>> [Hold().kept_permille(60 * hour) for hour in (9, 10, 11, 13, 14, 19, 20)]
        [1000, 1000, 750, 250, 0, 0, 1000]
        """
        begin = minute_of(self.kept_from)
        now, until, lent = (
            (one - begin) % DAY_MIN
            for one in (minute, minute_of(self.kept_until), minute_of(self.lent_at))
        )
        if now <= until:
            return 1_000
        return max(0, 1_000 * (lent - now) // (lent - until))


class NoShow(_Data):
    """What it costs a carrier to reserve and not to come, by its last 28 days."""

    tolerated_permille: Permille = 50
    holds_min: int = Field(default=20, ge=1)
    weight_permille_min: Permille = 500


class UseIt(_Data):
    """When an entitlement shrinks: by the quarter, if the 80th percentile of use is below."""

    used_permille: Permille = 800
    headroom_permille: int = Field(default=1_100, ge=1_000, le=2_000)


class FairShare(_Data):
    """One version of the policy; once in force its answers never change."""

    name: Literal["fair-share"] = "fair-share"
    version: int = Field(default=1, ge=1)
    in_force_from: AwareDatetime
    zone: str = "Europe/Oslo"
    """By whose clocks days begin and hours are told (IANA time zone)."""
    guaranteed_permille: Permille = 600
    """How much of each size class is divided into entitlements."""
    entrant_permille: Permille = 100
    """How much of that is set aside for carriers that are new."""
    accessible_permille: Permille = 100
    """How many of the low compartments of each class are kept for those who ask, at least one."""
    reserved: Reserved = "counted"
    """How who asks for a low one is given one of those that are kept so (docs/decisions/0068 and
    0078)."""
    commons: Literal["unguaranteed", "as_divided"] = "unguaranteed"
    """Whether all that is nobody's quota is common, or only what is beside all that is set aside,
    also for entrants that there are not (docs/decisions/0075)."""
    batch_above_permille: Permille = 850
    """At which load (`standing.load_permille`) a locker's day is decided in batches."""
    cut_offs: tuple[Clock, ...] = ("20:00",)
    memory_permille: Permille = 500
    """What 28 days of use weigh against the use of now, in the second round of a batch."""
    hold: Hold = Hold()
    no_show: NoShow = NoShow()
    use_it: UseIt = UseIt()

    @model_validator(mode="after")
    def _check(self) -> Self:
        times = (self.hold.kept_from, self.hold.kept_until, self.hold.lent_at)
        begin = minute_of(times[0])
        until, lent = ((minute_of(one) - begin) % DAY_MIN for one in times[1:])
        if not until < lent:
            raise ValueError("`lent_at` comes after `kept_until`, counted from `kept_from`")
        if not self.cut_offs or list(self.cut_offs) != sorted(set(self.cut_offs)):
            raise ValueError("`cut_offs` are one or more, ascending, each once")
        try:
            ZoneInfo(self.zone)
        except (OSError, ValueError):
            raise ValueError("`zone` is no time zone that is known here") from None
        return self

    def __str__(self) -> str:
        """Return how it is written into a decision: `fair-share v1`."""
        return f"{self.name} v{self.version}"

    def local(self, at: datetime) -> datetime:
        """Return an instant as the clocks at the lockers show it."""
        return at.astimezone(ZoneInfo(self.zone))


def minute_of(clock: str) -> int:
    """Return the minute of the day.

    >>> minute_of("14:30")
    870
    """
    return int(clock[:2]) * 60 + int(clock[3:])


def from_json(text: str | bytes) -> FairShare:
    """Read a policy; raise `pydantic.ValidationError` (a `ValueError`) for anything else."""
    return FairShare.model_validate_json(text)


def stored(text: str | bytes) -> FairShare:
    """Read a policy as it was announced: what it does not say was not there to choose then."""
    policy = from_json(text)
    unsaid = BEFORE.keys() - policy.model_fields_set
    return policy.model_copy(update={name: BEFORE[name] for name in unsaid})


def check_successor(now: datetime, current: FairShare | None, successor: FairShare) -> None:
    """Raise `NotInForce` unless a policy may follow the newest: announced before it counts.

    None: nothing but `first-come v0` was there before.
    """
    newest = 0 if current is None else current.version
    if successor.version != newest + 1:
        raise NotInForce(f"after v{newest} comes v{newest + 1}")
    if successor.in_force_from <= (now if current is None else max(now, current.in_force_from)):
        raise NotInForce("a policy is changed with a date in the future")
