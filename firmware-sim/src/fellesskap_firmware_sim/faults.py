"""Knobs for what goes wrong; each is read where it acts and tested there."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class LockFaults:
    """What is wrong with one door."""

    jammed: bool = False
    """The latch releases, but a load leans on the door and it stays shut."""
    sensor_stuck: Literal["open", "shut"] | None = None
    """The contact says this whatever the door does."""


@dataclass
class PinFaults:
    """What is wrong with a bank on pins."""

    levels_stay_when_killed: bool = False
    """A killed process leaves its pins as they are: which it is depends on kernel and board."""


@dataclass
class BoardFaults:
    """What is wrong with one board or its line."""

    silent: bool = False
    """Off, or its line cut: it hears and says nothing."""
    reply_delay_s: float = 0.008
    """From the end of a request to the first byte of the reply; 5 to 30 ms are healthy."""
    corrupt_replies: int = 0
    """So many of the next replies have a wrong checksum."""
    flipped_bits: int = 0
    """So many of the next replies have one bit flipped on the way."""
    garbage_bytes: int = 0
    """So many bytes of noise go before each reply."""
    split_s: float = 0.0
    """A reply comes in pieces of three bytes with such a pause between."""
    echo: bool = False
    """The line echoes what the host sends (RS-485 adapters do)."""
    address: int | None = None
    """Set to this address; that of another board on the line makes two answer at once."""
    baud: int | None = None
    """Set to this speed: at another than the line's all that it hears and says is garbage."""
    reset_s: float = 0.0
    """Resets once: relays drop, it is deaf for so long, what it was told is forgotten."""
    welded: int = 0
    """The relay of this channel stays on once it is on, until the fault is taken away."""
