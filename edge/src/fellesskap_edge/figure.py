"""One 15-minute figure in the making: lowest, mean and highest of what a probe said. Pure.

What was said last holds until the next; the mean is by time. Only `climate` uses this.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fellesskap_protocol.events import Temperature

FIGURE_S = 900


@dataclass(frozen=True, slots=True)
class Figure:
    """The figure being made: `held_c` holds since `held_at`; times in monotonic seconds."""

    from_: datetime
    begun_at: float
    ends_at: float
    held_c: float
    held_at: float
    min_c: float
    max_c: float
    degree_s: float = 0.0

    def wall(self, mono_s: float) -> datetime:
        """Return the wall time of a moment, as this figure reckons it."""
        return self.from_ + timedelta(seconds=mono_s - self.begun_at)

    def counted(self, until: float) -> "Figure":
        """Let the held temperature count up to a moment."""
        more = self.held_c * (until - self.held_at)
        return replace(self, degree_s=self.degree_s + more, held_at=until)

    def said(self, c: float) -> "Figure":
        """Take a temperature in, said at the moment up to which all is counted."""
        return replace(self, held_c=c, min_c=min(self.min_c, c), max_c=max(self.max_c, c))

    def events(self, compartments: Iterable[int]) -> list[Temperature]:
        """Return what to record of it; nothing if it covers no time."""
        length_s = self.held_at - self.begun_at
        if length_s <= 0:
            return []
        mean_c = min(max(self.degree_s / length_s, self.min_c), self.max_c)
        return [
            Temperature(
                compartment=number,
                min_c=round(self.min_c, 2),
                mean_c=round(mean_c, 2),
                max_c=round(self.max_c, 2),
                from_=self.from_,
                to=self.wall(self.held_at),
            )
            for number in compartments
        ]


def begun(wall: datetime, mono_s: float, c: float) -> Figure:
    """Begin a figure that ends with the quarter of an hour."""
    past_s = (wall - datetime.fromtimestamp(0, UTC)).total_seconds() % FIGURE_S
    return Figure(wall, mono_s, mono_s + FIGURE_S - past_s, c, mono_s, c, c)
