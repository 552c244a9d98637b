"""A Grow-family barcode scanner (GM65 and kin), byte for byte.

In the sense mode of a locker it reads whatever label is held before it; in command mode it waits
for a trigger. A command `7E 00 | type len addrH addrL | data | CRC` is acknowledged by the seven
bytes `02 00 00 01 00 33 31`, whose last two read as the text "31". CRC is CRC-16/XMODEM over what
follows `7E 00`; `AB CD` stands for "do not check". Source: GM812 manual V1.2.1.
"""

from binascii import crc_hqx
from typing import Literal

from fellesskap_firmware_sim.scanner import LineScanner

ACK = bytes.fromhex("02 00 00 01 00 33 31")
HEARTBEAT_REPLY = bytes.fromhex("03 00 00 01 00 33 31")
NO_CRC = b"\xab\xcd"
READ, WRITE, SAVE, HEARTBEAT = 0x07, 0x08, 0x09, 0x0A
TRIGGER_REGISTER, ENDING_REGISTER, AIM_REGISTER = 0x0002, 0x000E, 0x00D0
AIM_ON = 0x80
ENDINGS = (b"\r", b"\n", b"\r\n", b"\t", b"")
FACTORY = {AIM_REGISTER: 0, TRIGGER_REGISTER: 0, ENDING_REGISTER: ENDINGS.index(b"")}
PROVISIONED = {AIM_REGISTER: AIM_ON, TRIGGER_REGISTER: 0, ENDING_REGISTER: ENDINGS.index(b"\r")}
READ_WINDOW_S = 5.0
FRAME_BYTES_MAX = 64


class GrowScanner(LineScanner):
    """One scanner; `provisioned`: a technician has saved AIM identifiers and CR in its flash."""

    unasked_ack = ACK

    def __init__(
        self,
        *,
        baud: int = 9600,
        mode: Literal["sense", "command"] = "sense",
        provisioned: bool = True,
    ) -> None:
        super().__init__(baud=baud)
        self.mode = mode
        self._saved = PROVISIONED if provisioned else FACTORY
        self.power_on()

    def power_on(self) -> None:
        """Come up with what was saved."""
        super().power_on()
        self.registers = dict(self._saved)
        self._heard = bytearray()
        self._label: bytes | None = None
        self._window_until = float("-inf")
        self._settle()

    def present(self, label: bytes, now: float) -> None:
        """Hold a label before it: AIM identifier (`]C1`) and data as printed."""
        self._label = label
        if self.mode == "sense" or now < self._window_until:
            self._read_label(now)

    def _obey(self, data: bytes, now: float) -> None:
        self._heard += data
        while (start := self._heard.find(b"\x7e\x00")) >= 0:
            del self._heard[:start]
            if len(self._heard) < 4:
                return
            # type, length and address stand before `length` bytes of data; a save has one byte.
            length = 4 + 2 + self._heard[3] + 2
            if length > FRAME_BYTES_MAX:
                del self._heard[:2]
                continue
            if len(self._heard) < length:
                return
            frame = bytes(self._heard[:length])
            body, crc = frame[2:-2], frame[-2:]
            if crc != NO_CRC and crc_hqx(body, 0).to_bytes(2, "big") != crc:
                del self._heard[:2]
                continue
            del self._heard[:length]
            self._command(body, now)
        del self._heard[:-1]  # no header in it; its first byte may be the last one heard

    def _command(self, body: bytes, now: float) -> None:
        kind, register = body[0], int.from_bytes(body[2:4], "big")
        if kind == HEARTBEAT:
            self._send(HEARTBEAT_REPLY, now)
        elif kind == READ:
            count = body[4] if len(body) > 4 else 1
            values = bytes(self.registers.get(register + at, 0) for at in range(count))
            reply = bytes((0x00, count)) + values
            self._send(b"\x02\x00" + reply + crc_hqx(reply, 0).to_bytes(2, "big"), now)
        elif kind == SAVE:
            self._saved = dict(self.registers)
            self._send(ACK, now)
        elif kind == WRITE:
            written = {register + at: value for at, value in enumerate(body[4:])}
            self.registers |= written
            self._settle()
            self._send(ACK, now)
            if TRIGGER_REGISTER in written:
                on = written[TRIGGER_REGISTER] & 1
                self._window_until = now + READ_WINDOW_S if on else now
                if on and self._label is not None:
                    self._read_label(now)

    def _settle(self) -> None:
        self.aim = bool(self.registers[AIM_REGISTER] & AIM_ON)
        ending = self.registers[ENDING_REGISTER]
        self.suffix = ENDINGS[ending] if ending < len(ENDINGS) else b""

    def _read_label(self, now: float) -> None:
        label, self._label, self._window_until = self._label, None, now
        assert label is not None
        self._read(label, now)
