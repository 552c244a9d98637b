"""PURE: is a locker's coming day to be decided at cut-offs, by how much was asked for lately?

The load is that of the busiest of the last seven times 24 hours, among which the same weekday is.
It is public, and so is told in steps: an exact one would tell who has one rival how much that asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fellesskap_backend.allocation.policy import FairShare
from fellesskap_backend.allocation.standing import load_permille

DAYS = 7
DAY_S = 24 * 3_600
ANNOUNCED_FROM = time(18)
"""By the clocks at the lockers: from then on the coming day is announced, until it begins."""
STEP_PERMILLE = 50
HELD_S = DAY_S
"""How long one parcel takes a compartment, where none was taken out in those days."""


@dataclass(frozen=True)
class Coming:
    """The day that is to be announced."""

    day: date
    begins_at: datetime
    ends_at: datetime

    @classmethod
    def at(cls, policy: FairShare, now: datetime) -> "Coming | None":
        """Return the day that begins next; None: it is not announced yet."""
        local = policy.local(now)
        if local.time() < ANNOUNCED_FROM:
            return None
        return cls.of(policy, local.date() + timedelta(days=1))

    @classmethod
    def of(cls, policy: FairShare, day: date) -> "Coming":
        """Return a day, from midnight to midnight at the lockers."""
        zone = ZoneInfo(policy.zone)
        midnights = (
            datetime.combine(day + timedelta(days=ahead), time(), zone).astimezone(UTC)
            for ahead in (0, 1)
        )
        return cls(day, *midnights)

    def cut_offs(self, policy: FairShare) -> list[datetime]:
        """Return its cut-offs as instants; where clocks are put forward two may be one."""
        zone = ZoneInfo(policy.zone)
        clocks = (time.fromisoformat(one) for one in policy.cut_offs)
        return sorted({datetime.combine(self.day, one, zone).astimezone(UTC) for one in clocks})


def load(asked: Iterable[int], held_s: int | None, compartments: int) -> int:
    """Return a locker's load in permille, in steps: `asked` counts the hard requests of each day.

    Each is as many compartment-hours as parcels took there lately, from the promise until they were
    gone (`held_s`, the mean); so what was refused counts like what was served.

    >>> load([5, 9], 20 * 3_600, 10), load([3], None, 4)
    (750, 750)
    """
    hours = max(asked, default=0) * (held_s or HELD_S) // 3_600
    exact = load_permille(hours, compartments * 24)
    return exact - exact % STEP_PERMILLE
