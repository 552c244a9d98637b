"""A Grow-family barcode scanner (GM65 and kin) on a serial line, byte for byte.

In the sense mode of a locker it reads whatever label is held before it; in command mode it waits
for a trigger. A command `7E 00 | type len addrH addrL data | CRC` is acknowledged by the seven
bytes `02 00 00 01 00 33 31`, whose last two read as the text "31". CRC is CRC-16/XMODEM over what
follows `7E 00`; `AB CD` stands for "do not check". Source: GM812 manual V1.2.1.
"""

from binascii import crc_hqx
from typing import Literal

BITS_PER_BYTE = 10
ACK = bytes.fromhex("02 00 00 01 00 33 31")
HEARTBEAT_REPLY = bytes.fromhex("03 00 00 01 00 33 31")
NO_CRC = b"\xab\xcd"
READ, WRITE, SAVE, HEARTBEAT = 0x07, 0x08, 0x09, 0x0A
TRIGGER_REGISTER, AIM_REGISTER = 0x0002, 0x00D0
AIM_ON = 0x80
READ_WINDOW_S = 5.0
FRAME_BYTES_MAX = 64


class GrowScanner:
    """One scanner; `aim` adds the AIM symbology identifier, `suffix` ends a scan."""

    def __init__(self, *, baud: int = 9600, mode: Literal["sense", "command"] = "sense") -> None:
        self.mode = mode
        self.aim = True
        self.suffix = b"\r"
        self.registers: dict[int, int] = {AIM_REGISTER: AIM_ON, TRIGGER_REGISTER: 0}
        self._byte_s = BITS_PER_BYTE / baud
        self._heard = bytearray()
        self._sending: list[tuple[float, int]] = []
        self._label: bytes | None = None
        self._window_until = float("-inf")

    @property
    def wake_at(self) -> float:
        """When the next byte is due."""
        return self._sending[0][0] if self._sending else float("inf")

    def present(self, label: bytes, now: float) -> None:
        """Hold a label before it: AIM identifier (`]C1`) and data as printed."""
        self._label = label
        if self.mode == "sense" or now < self._window_until:
            self._read(now)

    def noise(self, data: bytes, now: float) -> None:
        """Let any bytes come out of it, as interference or a broken code does."""
        self._send(data, now)

    def receive(self, data: bytes, now: float) -> None:
        """Hear commands of the host."""
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
            self._obey(body, now)
        del self._heard[:-1]  # no header in it; its first byte may be the last one heard

    def transmit(self, now: float) -> bytes:
        """Return the bytes whose last bit is on the line by now."""
        sent = bytes(byte for at, byte in self._sending if at <= now)
        self._sending = self._sending[len(sent) :]
        return sent

    def _obey(self, body: bytes, now: float) -> None:
        kind, register = body[0], int.from_bytes(body[2:4], "big")
        if kind == HEARTBEAT:
            self._send(HEARTBEAT_REPLY, now)
        elif kind == READ:
            count = body[4] if len(body) > 4 else 1
            values = bytes(self.registers.get(register + at, 0) for at in range(count))
            reply = bytes((0x00, count)) + values
            self._send(b"\x02\x00" + reply + crc_hqx(reply, 0).to_bytes(2, "big"), now)
        elif kind == SAVE:
            self._send(ACK, now)
        elif kind == WRITE:
            written = {register + at: value for at, value in enumerate(body[4:])}
            self.registers |= written
            self._send(ACK, now)
            if AIM_REGISTER in written:
                self.aim = bool(written[AIM_REGISTER] & AIM_ON)
            if TRIGGER_REGISTER in written:
                on = written[TRIGGER_REGISTER] & 1
                self._window_until = now + READ_WINDOW_S if on else now
                if on and self._label is not None:
                    self._read(now)

    def _read(self, now: float) -> None:
        label, self._label, self._window_until = self._label, None, now
        assert label is not None
        if not self.aim and label.startswith(b"]"):
            label = label[3:]
        self._send(label + self.suffix, now)

    def _send(self, data: bytes, now: float) -> None:
        begins = max(now, self._sending[-1][0]) if self._sending else now
        for place, byte in enumerate(data, start=1):
            self._sending.append((begins + place * self._byte_s, byte))
