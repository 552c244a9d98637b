"""Knobs for what goes wrong; each is read where it acts and tested there."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class LockFaults:
    """What is wrong with one door."""

    jammed: bool = False
    """The latch releases, but a load leans on the door and it stays shut."""
    jam_frees_after: int | None = None
    """The load gives way after so many pulses: the next one opens."""
    jam_frees_on_push: bool = False
    """Somebody who pushes the door frees it for the next pulse."""
    release_s_min: float | None = None
    """A stiff latch needs a pulse this long."""
    welded: bool = False
    """The relay stays closed once it was; the coil is on until the power is cut."""
    coil_dead: bool = False
    """Burnt, or its wire cut: an open circuit."""
    sensor_stuck: Literal["open", "shut"] | None = None
    """The contact says this whatever the door does."""
    occupancy_stuck: Literal["empty", "full"] | None = None
    """The infrared sensor inside says this whatever lies there."""
    bounce_s: float = 0.012
    """How long the contact chatters after the door moved; 2 to 20 ms are healthy."""
    ajar: bool = False
    """Pushed shut, the hook falls in without the leaf: the contact says shut, the door is not."""


@dataclass
class SupplyFaults:
    """What is wrong with one power supply."""

    volts: float = 12.0
    """Without load."""
    ohm: float = 0.3
    """A long thin wire, a corroded plug: more sag for each coil."""


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
    late_every: int = 0
    """Each so many replies one comes only after `late_s`; 0: none does."""
    late_s: float = 0.5
    """As long as that."""
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
    forgets_all: bool = False
    """A reset undoes also what the board keeps without power, its address aside."""
    welded: int = 0
    """The relay of this channel stays on once it is on, until the fault is taken away."""


@dataclass
class CoolingFaults:
    """What is wrong with one cold box or its probe."""

    compressor_failed: bool = False
    """It warms up through its walls, in hours."""
    probe: Literal["gone", "bad checksum", "line held down", "power-on value", "garbage"] | None = (
        None
    )
    """What stands in the probe's file instead of a temperature."""
    says_c: float | None = None
    """The probe says this whatever the air is."""
