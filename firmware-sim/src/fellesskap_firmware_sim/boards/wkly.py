"""The WKLY lock board, by its strict rules.

9600 8N1; `57 4B 4C 59 | length of all | board | command | data | XOR`. A bad checksum, another
board or an unknown command is met with silence. It says unasked that a door changed. Source: one
implementation; how long a pulse is and what the unasked frame bears is not documented.

Beside what the product sends it obeys open-all (`86`, one after the other) and hold (`88`, `89`).
"""

from functools import reduce
from operator import xor
from typing import ClassVar, Literal

from fellesskap_firmware_sim.boards.board import Board

HEADER = b"WKLY"
BARE_BYTES = 8
PULSE_S = 0.500
OPEN_ALL_GAP_S = 0.500
DONE, FAILED = 0x00, 0xFF


class Wkly(Board):
    """One board; state 0 is shut in the one source."""

    FACTORY_SIZE: ClassVar[int] = 12
    FACTORY_CLOSED_BIT: ClassVar[Literal[0, 1]] = 0

    def forget(self) -> None:
        """Speak unasked, as from the factory."""
        self.says_changes = True

    def hear(self, heard: bytes, at: float) -> bool:
        """Obey the frame that the last bytes are."""
        start = heard.rfind(HEADER)
        frame = heard[start:] if start >= 0 else b""
        if len(frame) < BARE_BYTES or frame[4] != len(frame):
            return False
        if reduce(xor, frame[:-1]) != frame[-1] or frame[5] != self.address:
            return False
        return self._obey(frame[6], frame[7:-1], at)

    def _obey(self, command: int, data: bytes, at: float) -> bool:
        """Do what a valid frame says; return whether it is one that it knows."""
        if command == 0x84 and not data:
            states = bytes(self.bit(channel, at) for channel in range(1, self.size + 1))
            self.say(self._body(0x84, bytes((DONE, self.size)) + states), at)
        elif command == 0x86 and not data:
            self.reply_at(0, self.pulse_all(at, PULSE_S, OPEN_ALL_GAP_S))
        elif command not in (0x82, 0x83, 0x88, 0x89) or len(data) != 1:
            return False
        elif data[0] not in self.channels:
            self.say(self._body(command, bytes((FAILED, data[0], 0))), at)
        elif command == 0x82:
            self.pulse_and_answer(data[0], at, PULSE_S)
        else:
            if command != 0x83:
                self.switch(data[0], on=command == 0x88, at=at)
            self.say(self._lock(command, data[0], at), at)
        return True

    def answer(self, channel: int, at: float) -> None:
        """Say that it is done, and how the lock stands."""
        body = self._lock(0x82, channel, at) if channel else self._body(0x86, bytes((DONE,)))
        self.say(body, at)

    def told_of(self, channel: int, at: float) -> bytes:
        """Return what it says unasked."""
        return self._lock(0x85, channel, at)

    def sealed(self, body: bytes) -> bytes:
        """Return the body with the XOR of all."""
        return body + bytes((reduce(xor, body),))

    def _lock(self, command: int, channel: int, at: float) -> bytes:
        return self._body(command, bytes((DONE, channel, self.bit(channel, at))))

    def _body(self, command: int, data: bytes) -> bytes:
        return HEADER + bytes((BARE_BYTES + len(data), self.address, command)) + data
