"""What `scanner` needs to know of a family of scanners. Pure."""

from dataclasses import dataclass

from fellesskap_edge.scanners.framing import Lines
from fellesskap_edge.scanners.packets import Packets

Framer = Lines | Packets


@dataclass(frozen=True)
class Family:
    """A framer as it is when the port comes up, and what to say then, one frame after the other."""

    name: str
    baud: int
    framer: Framer
    setup: tuple[bytes, ...] = ()
    """Settings are never saved: flash wears, and the scanner is set up at every start."""
    question: bytes | None = None
    """What a scanner that lives answers; None if it cannot be asked."""
