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
class BoardFaults:
    """What is wrong with one board or its line."""

    silent: bool = False
    """Off, or its line cut: it hears and says nothing."""
    reply_delay_s: float = 0.008
    """From the end of a request to the first byte of the reply; 5 to 30 ms are healthy."""
    corrupt_replies: int = 0
    """So many of the next replies have a wrong checksum."""
    echo: bool = False
    """The line echoes what the host sends (RS-485 adapters do)."""


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
