"""KERONG CU12, CU16 and NCU16L lock boards: what to send and what their answers mean. Pure.

`02 | board nibble, lock nibble | code | data | 03 | sum of all before`. Quality: from documents and
five independent implementations; no hardware of ours. Polarity differs between them and is
configuration. The pulse is timed by the board for as long as 0x37 says; what a board answers to
that is documented once only, so a board that says nothing is used all the same. An unlock is never
answered. A status reply also tells what 16 infrared inputs see. Never sent: unlock all (`33`), to
all boards (`F0`), delayed (`39`).

>>> Kerong(address=1).unlock(16).hex(" ")
'02 1f 31 03 55'
>>> Kerong(address=0).status().hex(" ")
'02 00 30 03 35'
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from fellesskap_edge.locks.driver import (
    Bit,
    DoorReading,
    Driver,
    Family,
    Order,
    Settings,
    capped,
    checked,
    reading,
)

STX, ETX = 0x02, 0x03
STATUS, UNLOCK, STATUS_REPLY, TIME, TIME_REPLY = 0x30, 0x31, 0x35, 0x37, 0x38
STATUS_REPLY_BYTES = 9
CHANNELS = 16
TIME_UNIT_MS = 10


@dataclass(frozen=True, slots=True)
class Kerong(Driver):
    """One board on a line, by its address (0 to 15)."""

    acknowledged: ClassVar[bool] = False
    forgets: ClassVar[bool] = True
    address: int
    closed_bit: Bit = 1
    pulse_ms: int = 300
    item_bit: Bit = 1

    @property
    def pulse_s(self) -> float:
        """Return the unlock time that the board is told at the start."""
        return capped(self.pulse_ms) / 1000

    def start(self) -> tuple[Order, ...]:
        """Return the frame that sets the unlock time: a board that was reset forgets it."""
        return _unlock_time(self.address, capped(self.pulse_ms))

    def unlock(self, channel: int) -> bytes:
        """Return the frame that pulses one lock (channel 1 to 16)."""
        return _sealed(self.address << 4 | checked(channel, CHANNELS) - 1, UNLOCK)

    def acknowledges(self, heard: bytes, channel: int) -> bool:
        """Say no: this family never answers an unlock."""
        del heard, channel
        return False

    def status(self) -> bytes:
        """Return the frame that asks for all doors of the board."""
        return _sealed(self.address << 4, STATUS)

    def doors(self, heard: bytes) -> dict[int, DoorReading] | None:
        """Return all 16 doors from the status reply heard, else None."""
        bits = self._bits(heard, 3)
        if bits is None:
            return None
        return {channel: reading(bit, self.closed_bit) for channel, bit in bits.items()}

    def items(self, heard: bytes) -> dict[int, bool]:
        """Return what all 16 infrared inputs see, from the status reply heard."""
        bits = self._bits(heard, 5) or {}
        return {channel: bit == self.item_bit for channel, bit in bits.items()}

    def _bits(self, heard: bytes, at: int) -> dict[int, int] | None:
        """Return the 16 bits that begin at this byte of the status reply heard, else None."""
        head = bytes((STX, self.address << 4, STATUS_REPLY))
        for frame in _frames(heard, STATUS_REPLY_BYTES):
            if frame.startswith(head):
                bits = int.from_bytes(frame[at : at + 2], "little")
                return {channel: bits >> channel - 1 & 1 for channel in range(1, CHANNELS + 1)}
        return None


@cache
def _unlock_time(address: int, pulse_ms: int) -> tuple[Order, ...]:
    """Return the order; it is looked at with every byte that the line brings."""
    units = (pulse_ms // TIME_UNIT_MS).to_bytes(2, "big")
    request = _sealed(address << 4, TIME, units)
    reply = _sealed(address << 4, TIME_REPLY, units)
    return (Order("confirm its unlock time", request, reply, needed=False),)


def _sealed(address: int, code: int, data: bytes = b"") -> bytes:
    body = bytes((STX, address, code)) + data + bytes((ETX,))
    return body + bytes((sum(body) & 0xFF,))


def _frames(heard: bytes, length: int) -> Iterator[bytes]:
    """Yield every stretch of the length that ends as a frame does and whose sum holds."""
    for start in range(len(heard) - length + 1):
        frame = heard[start : start + length]
        if frame[-2] == ETX and sum(frame[:-1]) & 0xFF == frame[-1]:
            yield frame


def _made(bank: Settings) -> Kerong:
    return Kerong(bank.address, bank.closed_bit, bank.pulse_ms, bank.item_bit)


FAMILY = Family(
    name="kerong",
    quality="from documents",
    make=_made,
    addresses=range(16),
    channels=CHANNELS,
    channels_max=CHANNELS,
    baud=19200,
    pulse_ms=300,
    pulse_step_ms=TIME_UNIT_MS,
    items=True,
    options=frozenset({"closed_bit", "item_bit"}),
)
