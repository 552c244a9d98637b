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


@dataclass(frozen=True)
class Parts:
    """The parts of one drive.

    `new_id` makes the ids of what the edge creates, `draw` the chance of one step, `perform` does
    what is outward. `crash_at` is called at each named crash point: only tests let it do anything.
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
