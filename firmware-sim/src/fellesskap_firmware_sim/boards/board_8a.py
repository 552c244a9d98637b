"""The 24-way 8A lock board (Guangzhou Shuoming and clones), by its strict rules.

9600 8N1; XOR of all bytes before the last. A bad checksum, another address or an unknown command
is met with silence. Half duplex: what arrives while it sends is lost. Frames and timings:
24-way protocol of 2021 as implemented by five independent drivers and one capture.

Beside the two commands that the product sends (open one, read), it obeys the dangerous ones as a
real board does: open all (`8A AA 00 11`), hold a coil on and off (`9A`, `9B`).
"""

from functools import reduce
from operator import xor
from typing import ClassVar, Literal

from fellesskap_firmware_sim.boards.board import Board

PULSE_S = 0.300
OPEN_ALL_GAP_S = 0.100
"""All 24 take 9.6 s; drivers in the field wait 10 s for the reply."""
FRAME_BYTES = (5, 6)
ALL = 0


class Board8A(Board):
    """One board; `status_order` is its build's."""

    FACTORY_SIZE: ClassVar[int] = 24
    status_order: Literal["high_first", "low_first"] = "high_first"

    def hear(self, heard: bytes, at: float) -> bool:
        """Obey the frame that the last bytes are."""
        return any(
            len(heard) >= length
            and heard[1 - length] == self.address
            and reduce(xor, heard[-length:-1]) == heard[-1]
            and self._obey(heard[-length:], at)
            for length in FRAME_BYTES
        )

    def _obey(self, frame: bytes, at: float) -> bool:
        """Do what a valid frame says; return whether it is one for this board."""
        command, _, channel, marker = frame[:4]
        if command == 0x80 and marker == 0x33 and len(frame) == 5:
            if channel == ALL:
                self._reply_all(at)
            elif channel in self.channels:
                self._reply_one(0x80, channel, at)
            return True
        if marker != 0x11 or command not in (0x8A, 0x9A, 0x9B):
            return False
        if command == 0x8A and channel == ALL and len(frame) == 5:
            self.reply_at(ALL, self.pulse_all(at, PULSE_S, OPEN_ALL_GAP_S))
        elif channel not in self.channels:
            return True
        elif command == 0x8A and (len(frame) == 5 or 1 <= frame[4] <= 9):
            self.pulse_and_answer(channel, at, PULSE_S if len(frame) == 5 else float(frame[4]))
        elif len(frame) == 5:
            self.switch(channel, on=command == 0x9A, at=at)
            self.reply_at(channel, at)
        return True

    def answer(self, channel: int, at: float) -> None:
        """Say how the contact stands."""
        self._reply_one(0x8A, channel, at)

    def told_of(self, channel: int, at: float) -> bytes:
        """Return what some builds say unasked."""
        return bytes((0x82, self.address, channel, self._status(channel, at)))

    def sealed(self, body: bytes) -> bytes:
        """Return the body with the XOR of all."""
        return body + bytes((reduce(xor, body),))

    def _status(self, channel: int, at: float) -> int:
        return 0x11 if self.bit(channel, at) else 0x00

    def _reply_one(self, header: int, channel: int, at: float) -> None:
        self.say(bytes((header, self.address, channel, self._status(channel, at))), at)

    def _reply_all(self, at: float) -> None:
        groups = self.bits(at).to_bytes(3, "big")
        if self.status_order == "low_first":
            groups = groups[::-1]
        self.say(bytes((0x80, self.address)) + groups + b"\x33", at)
