"""What a machine is told of the time: an argument, never asked for. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment: `mono_s` counts since some start of this boot and never goes back.

    `wall` is aware UTC, already the floor of `docs/protocol.md` 8; `trusted` says whether the
    kernel's clock is synchronised and was not stepped.
    """

    mono_s: float
    wall: datetime
    trusted: bool
