"""What a machine is told of the time: an argument, never asked for. Pure.

`Floor` is the edge's "now" of `docs/protocol.md` 8: it never falls behind what was once known to be
true, and a fresh answer of the backend sets it, down as well as up.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

IAT_STEP = timedelta(seconds=2)
"""An `iat` has whole seconds and travelled for a moment: a smaller difference is none."""


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment: `mono_s` counts since some start of this boot and never goes back.

    `wall` is aware UTC, already the floor of `docs/protocol.md` 8; `trusted` says whether the
    kernel's clock is synchronised and was not stepped.
    """

    mono_s: float
    wall: datetime
    trusted: bool


@dataclass(frozen=True, slots=True)
class Floor:
    """`at` was true at `mono_s`; `fresh` if the backend said so in answer to our challenge."""

    at: datetime
    mono_s: float
    fresh: bool = False

    def now(self, machine: Instant) -> Instant:
        """Return the moment that deadlines are measured by."""
        floor = self.at + timedelta(seconds=machine.mono_s - self.mono_s)
        believed = floor if self.fresh and not machine.trusted else max(floor, machine.wall)
        return Instant(machine.mono_s, believed, machine.trusted)

    def raised(self, iat: datetime, mono_s: float) -> "Floor":
        """Take a verified message in: time is not before it."""
        reached = self.at + timedelta(seconds=mono_s - self.mono_s)
        return self if iat <= reached else replace(self, at=iat, mono_s=mono_s)

    def told(self, iat: datetime, mono_s: float) -> "Floor":
        """Take a fresh answer in: this is the time, to the second that an `iat` has."""
        reached = self.at + timedelta(seconds=mono_s - self.mono_s)
        if abs(iat - reached) <= IAT_STEP:
            return replace(self, fresh=True)
        return Floor(iat, mono_s, fresh=True)
