"""WKLY lock boards: what to send and what their answers mean. Pure.

`57 4B 4C 59 | length of all | board | command | data | XOR of all before`. Quality: from documents
(one source). A reply's data begins with 00 (done) or FF (failed). How long the board's pulse is,
is not documented: the supply rests as after the longest. Which way round a lock's state is, is
configuration (by the one source 0 is shut). Never sent: open all (`86`), lists (`80`, `87`), hold
(`88`). The board says unasked that a door changed (`85`).

>>> Wkly(address=10).unlock(1).hex(" ")
'57 4b 4c 59 09 0a 82 01 89'
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor

from fellesskap_edge.locks.driver import (
    PULSE_MS_MAX,
    Bit,
    DoorReading,
    Driver,
    Family,
    Settings,
    checked,
    reading,
)

HEADER = b"WKLY"
BARE_BYTES = 8
"""Header, length, board, command and checksum."""
UNLOCK, STATUS, CHANGED = 0x82, 0x84, 0x85
DONE = 0x00
CHANNELS, CHANNELS_MAX = 12, 48


@dataclass(frozen=True, slots=True)
class Wkly(Driver):
    """One board on a line, by its address (0 to 31)."""

    address: int
    channels: int = CHANNELS
    closed_bit: Bit = 0

    @property
    def pulse_s(self) -> float:
        """Return the longest it can be."""
        return PULSE_MS_MAX / 1000

    def unlock(self, channel: int) -> bytes:
        """Return the frame that pulses one lock."""
        return _sealed(self.address, UNLOCK, bytes((checked(channel, self.channels),)))

    def acknowledges(self, heard: bytes, channel: int) -> bool:
        """Say whether the board says that it pulsed this lock."""
        return any(
            len(data) == 3 and data[:2] == bytes((DONE, channel))
            for data in self._replies(heard, UNLOCK)
        )

    def status(self) -> bytes:
        """Return the frame that asks for all doors of the board."""
        return _sealed(self.address, STATUS)

    def doors(self, heard: bytes) -> dict[int, DoorReading] | None:
        """Return as many doors as the status reply heard tells of, else None."""
        for data in self._replies(heard, STATUS):
            if len(data) >= 2 and data[0] == DONE and data[1] == len(data) - 2:
                return {
                    channel: reading(state, self.closed_bit) if state in (0, 1) else "unknown"
                    for channel, state in enumerate(data[2:], start=1)
                }
        return None

    def stirs(self, heard: bytes) -> bool:
        """Say whether the board says, unasked, that a door changed."""
        return any(True for _ in self._replies(heard, CHANGED))

    def _replies(self, heard: bytes, command: int) -> Iterator[bytes]:
        """Yield the data of every frame of this board and command whose checksum holds."""
        start = heard.find(HEADER)
        while start >= 0:
            length = heard[start + 4] if len(heard) > start + 4 else 0
            frame = heard[start : start + length]
            if (
                BARE_BYTES <= length == len(frame)
                and reduce(xor, frame[:-1]) == frame[-1]
                and frame[5:7] == bytes((self.address, command))
            ):
                yield frame[7:-1]
            start = heard.find(HEADER, start + 1)


def _sealed(address: int, command: int, data: bytes = b"") -> bytes:
    body = HEADER + bytes((BARE_BYTES + len(data), address, command)) + data
    return body + bytes((reduce(xor, body),))


def _made(bank: Settings) -> Wkly:
    return Wkly(bank.address, bank.channels, bank.closed_bit)


FAMILY = Family(
    name="wkly",
    quality="from documents",
    make=_made,
    addresses=range(32),
    channels=CHANNELS,
    channels_max=CHANNELS_MAX,
    baud=9600,
    pulse_ms=PULSE_MS_MAX,
    closed_bit=0,
)
