"""May this daemon tell systemd that it is well? Pure.

A beat is dead when a restart of the daemon would mend it: its thread is gone, or has not gone round
for `STALE_S`. A silent board, a pulled plug, a broker out of reach beat on: their threads go round
and ask again, the other parts serve, and a restart would only take those away
(docs/decisions/0023). The drive loop and the journal need no beat: `daemon` asks here from that
loop, so while one hangs (a commit that does not return) nobody asks and nobody is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

STALE_S = 10.0
"""A port's thread goes round once a second, a line's deadline is met within milliseconds."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One part: whether its thread runs, and when it went round, in monotonic seconds."""

    part: str
    runs: bool
    at: float | None = None
    """None: it waits where it may wait for long (a socket), so only its thread can be judged."""


def dead(beats: Iterable[Beat], now: float) -> tuple[str, ...]:
    """Return the parts that a restart must mend."""
    return tuple(
        beat.part
        for beat in beats
        if not beat.runs or (beat.at is not None and now - beat.at > STALE_S)
    )


def alive(beats: Iterable[Beat], now: float) -> bool:
    """Say whether the watchdog may be fed."""
    return not dead(beats, now)
