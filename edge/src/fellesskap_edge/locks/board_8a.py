"""The 24-way 8A lock board: what to send and what its answers mean. Pure.

Quality: from documents and five independent implementations, one captured frame; no hardware of
ours yet. Polarity and byte order differ between builds and are configuration. The pulse is timed by
the board (300 ms). Never sent: open all (`8A AA 00`), several at once (`90`), hold (`9A`). Some
builds say unasked that a door changed (`82 AA CC st BCC`).

>>> Board8A(address=1).unlock(1).hex(" ")
'8a 01 01 11 9b'
>>> Board8A(address=1).status().hex(" ")
'80 01 00 33 b2'
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor

from fellesskap_edge.locks.driver import (
    Bit,
    DoorReading,
    Driver,
    Family,
    Settings,
    StatusOrder,
    checked,
    reading,
)

UNLOCK, STATUS, CHANGED = 0x8A, 0x80, 0x82
OPEN_ONE, READ_ALL = 0x11, 0x33
UNLOCK_REPLY_BYTES, STATUS_REPLY_BYTES = 5, 7
GROUP_BITS = 8
CHANNELS = 24
PULSE_MS = 300


@dataclass(frozen=True, slots=True)
class Board8A(Driver):
    """One board on a line, by its DIP address (1 to 32)."""

    address: int
    closed_bit: Bit = 1
    status_order: StatusOrder = "high_first"

    @property
    def pulse_s(self) -> float:
        """Return the board's own 300 ms."""
        return PULSE_MS / 1000

    def unlock(self, channel: int) -> bytes:
        """Return the frame that pulses one lock (channel 1 to 24) for the board's 300 ms."""
        return _sealed(bytes((UNLOCK, self.address, checked(channel, CHANNELS), OPEN_ONE)))

    def status(self) -> bytes:
        """Return the frame that asks for all doors of the board."""
        return _sealed(bytes((STATUS, self.address, 0, READ_ALL)))

    def acknowledges(self, heard: bytes, channel: int) -> bool:
        """Say whether the reply to an unlock of this channel is among the bytes heard."""
        return any(
            frame[:3] == bytes((UNLOCK, self.address, channel)) and frame[3] in (0x00, OPEN_ONE)
            for frame in _frames(heard, UNLOCK_REPLY_BYTES)
        )

    def doors(self, heard: bytes) -> dict[int, DoorReading] | None:
        """Return every channel's door from the status reply among the bytes heard, else None."""
        for frame in _frames(heard, STATUS_REPLY_BYTES):
            if frame[:2] == bytes((STATUS, self.address)) and frame[5] == READ_ALL:
                groups = frame[2:5][::-1] if self.status_order == "high_first" else frame[2:5]
                return {
                    group * GROUP_BITS + bit + 1: reading(groups[group] >> bit & 1, self.closed_bit)
                    for group in range(3)
                    for bit in range(GROUP_BITS)
                }
        return None

    def stirs(self, heard: bytes) -> bool:
        """Say whether the board says, unasked, that a door changed."""
        return any(
            frame[:2] == bytes((CHANGED, self.address)) and frame[3] in (0x00, OPEN_ONE)
            for frame in _frames(heard, UNLOCK_REPLY_BYTES)
        )


def _made(bank: Settings) -> Board8A:
    return Board8A(bank.address, bank.closed_bit, bank.status_order)


FAMILY = Family(
    name="8a",
    quality="from a capture",
    make=_made,
    addresses=range(1, 33),
    channels=CHANNELS,
    channels_max=CHANNELS,
    baud=9600,
    pulse_ms=PULSE_MS,
    options=frozenset({"closed_bit", "status_order"}),
)


def _sealed(body: bytes) -> bytes:
    return body + bytes((reduce(xor, body),))


def _frames(heard: bytes, length: int) -> Iterator[bytes]:
    """Yield every stretch of the length whose checksum holds."""
    for start in range(len(heard) - length + 1):
        frame = heard[start : start + length]
        if reduce(xor, frame[:-1]) == frame[-1]:
            yield frame
