"""What a drive is made of: chance, identity and the outside come in from here."""

from collections.abc import Callable
from dataclasses import dataclass

from fellesskap_edge.clock import Instant
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.identity import Identity
from fellesskap_edge.inbox import Outward
from fellesskap_edge.journal import Journal, Stamp
from fellesskap_edge.uplink import Draw
from fellesskap_protocol.events import Clock

CRASH_AT = (
    "before_start",  # the store was read; the first events of this start are not written
    "after_start",
    "before_commit",  # a step was taken; nothing of it is written
    "after_commit",  # all of it is written; nothing is performed
    "between_effects",
    "after_commit_before_pulse",
    "after_write",  # something was sent to a board
    "after_pulse_before_record",  # it was an unlock; what came of it is not written
    "before_new_epoch",  # the backend refused this history; the new one is not written
    "after_new_epoch",  # it is written; nobody was told
    "before_prune",
    "after_prune",
)
"""Where a daemon may die in a way of its own: `drive` and `start` pass each by its name."""


@dataclass(frozen=True)
class Parts:
    """The parts of one drive.

    `new_id` makes the ids of what the edge creates, `draw` the chance of one step, `perform` does
    what is outward. `crash_at` is called at each point of `CRASH_AT`: only tests let it do
    anything.
    """

    config: LockerConfig
    identity: Identity
    journal: Journal
    boot_id: str
    new_id: Callable[[], str]
    draw: Callable[[], Draw]
    perform: Callable[[Outward], None]
    crash_at: Callable[[str], None] = lambda _point: None
    mono_s: Callable[[], float] | None = None
    """Asked right before a coil goes on: the commit before it may have taken long."""


def stamp(parts: Parts, now: Instant) -> Stamp:
    """Return what is written on the events of one commit."""
    clock: Clock = "trusted" if now.trusted else "untrusted"
    return Stamp(now.wall, clock, parts.boot_id, int(now.mono_s * 1000))
