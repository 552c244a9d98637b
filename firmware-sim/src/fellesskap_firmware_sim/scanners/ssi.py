"""A Zebra scan engine over SSI, byte for byte: packets, acknowledgements, and sending again.

`length opcode source status data… checksum`. Broken packets, and packets that are not the host's,
are not answered. A decode packet that nobody acknowledges within 2 s is sent again, twice at most,
with the retransmit bit; one that is refused at once. A label longer than a packet comes in several,
all but the last with the continuation bit. Source: Zebra, SSI Programmer's Guide, 72E-40451.
"""

from fellesskap_firmware_sim.scanner import FOREVER, LineScanner

HOST, SCANNER = 0x04, 0x00
REQUEST_REVISION, REPLY_REVISION, PARAM_SEND, PARAM_REQUEST = 0xA3, 0xA4, 0xC6, 0xC7
ACK, NAK, START_SESSION, STOP_SESSION = 0xD0, 0xD1, 0xE4, 0xE5
SCAN_ENABLE, SCAN_DISABLE, DECODE_DATA = 0xE9, 0xEA, 0xF3
SENT_AGAIN, MORE_FOLLOWS = 0x01, 0x02
NAK_DENIED, NAK_CONTEXT = 0x06, 0x02
ANSWER_S_MAX = 2.0
TIMES_MAX = 3
GAP_S_MAX = 0.1
"""What is not whole when the host falls silent for so long is forgotten."""
HEADER_BYTES = 4
LENGTH_MAX = 255
AIM, TRIGGERING, PACKETED = 0x2D, 0x8A, 0xEE
PARAMETERS = {AIM, TRIGGERING, PACKETED, 0x80, 0xEC}
FACTORY = {AIM: 0, TRIGGERING: 0x00, PACKETED: 0}
PROVISIONED = {AIM: 1, TRIGGERING: 0x07, PACKETED: 1}
PRESENTATION = 0x07
TYPES = {b"]C1": 0x0F, b"]C0": 0x03, b"]A0": 0x01, b"]E0": 0x0B, b"]d2": 0x1B, b"]Q3": 0x1C}


def packet(opcode: int, data: bytes = b"", status: int = 0) -> bytes:
    """Return a packet of the scanner with its checksum."""
    body = bytes((HEADER_BYTES + len(data), opcode, SCANNER, status)) + data
    return body + (-sum(body) & 0xFFFF).to_bytes(2, "big")


class SsiScanner(LineScanner):
    """One scanner; `provisioned`: a technician has saved packets, AIM identifiers, presentation."""

    def __init__(self, *, baud: int = 9600, provisioned: bool = True) -> None:
        super().__init__(baud=baud)
        self._saved = PROVISIONED if provisioned else FACTORY
        self.broken_packets = 0
        """So many of the next decode packets have a wrong checksum."""
        self.power_on()

    def power_on(self) -> None:
        """Come up with what was saved, enabled."""
        super().power_on()
        self.parameters = dict(self._saved)
        self.enabled = True
        self._session = False
        self._heard, self._heard_at = b"", 0.0
        self._label: bytes | None = None
        self._packets: list[tuple[bytes, int]] = []
        """Data and status of what is to be sent; the first was sent and waits for its answer."""
        self._times = 0
        self._again_by = FOREVER
        self._settle()

    @property
    def wake_at(self) -> float:
        """When the next byte is due, or a packet is sent again."""
        return min(super().wake_at, self._again_by)

    def present(self, label: bytes, now: float) -> None:
        """Hold a label before it; by hand or from the host it is read within a session."""
        self._label = label
        if self.enabled and (self._session or self.parameters[TRIGGERING] == PRESENTATION):
            self._read_label(now)

    def transmit(self, now: float) -> bytes:
        """Return the bytes whose last bit is on the line by now."""
        if self._again_by <= now:
            self._again(now)
        return super().transmit(now)

    def _obey(self, data: bytes, now: float) -> None:
        if now - self._heard_at > GAP_S_MAX:
            self._heard = b""
        self._heard, self._heard_at = self._heard + data, now
        while self._heard:
            length = self._heard[0]
            if length < HEADER_BYTES:
                self._heard = self._heard[1:]  # a wake-up byte
                continue
            if len(self._heard) < length + 2:
                return
            body, checksum = self._heard[:length], self._heard[length : length + 2]
            if body[2] != HOST or (-sum(body) & 0xFFFF).to_bytes(2, "big") != checksum:
                self._heard = self._heard[1:]
                continue
            self._heard = self._heard[length + 2 :]
            self._command(body[1], body[HEADER_BYTES:], now)

    def _command(self, opcode: int, data: bytes, now: float) -> None:
        if opcode == ACK:
            self._acknowledged(now)
        elif opcode == NAK:
            if self._packets:
                self._again(now)
        elif opcode == REQUEST_REVISION:
            self._send(packet(REPLY_REVISION, b"SIM-SSI"), now)
        elif opcode == PARAM_SEND:
            self._parameter(data, now)
        elif opcode in (SCAN_ENABLE, SCAN_DISABLE):
            self.enabled = opcode == SCAN_ENABLE
            self._send(packet(ACK), now)
        elif opcode in (START_SESSION, STOP_SESSION):
            self._session = opcode == START_SESSION
            self._send(packet(ACK), now)
            if self._session and self.enabled and self._label is not None:
                self._read_label(now)
        else:
            self._send(packet(NAK, bytes((NAK_CONTEXT,))), now)

    def _parameter(self, data: bytes, now: float) -> None:
        """Set parameters: a beep code, then pairs of number and value."""
        pairs = dict(zip(data[1::2], data[2::2], strict=False))
        if len(data) % 2 == 0 or not pairs or not set(pairs) <= PARAMETERS:
            self._send(packet(NAK, bytes((NAK_DENIED,))), now)
            return
        self.parameters |= pairs
        self._settle()
        self._send(packet(ACK), now)

    def _settle(self) -> None:
        self.aim = self.parameters[AIM] == 1
        self.suffix = b""

    def _read_label(self, now: float) -> None:
        label, self._label, self._session = self._label, None, False
        assert label is not None
        self._kind = bytes((TYPES.get(label[:3], 0x03),))
        self._read(label, now)

    def _send_label(self, label: bytes, now: float) -> None:
        if not self.parameters[PACKETED]:
            self._send(label, now)
            return
        most = LENGTH_MAX - HEADER_BYTES - 1
        parts = [label[at : at + most] for at in range(0, len(label), most)] or [b""]
        idle = not self._packets
        for place, part in enumerate(parts, start=1):
            status = MORE_FOLLOWS if place < len(parts) else 0
            self._packets.append((self._kind + part, status))
        if idle:
            self._first(now)

    def _send_half(self, label: bytes, now: float) -> None:
        whole = packet(DECODE_DATA, self._kind + label[: LENGTH_MAX - HEADER_BYTES - 1])
        self._send(whole[: len(whole) // 2], now)

    def _acknowledged(self, now: float) -> None:
        self._packets = self._packets[1:]
        self._times, self._again_by = 0, FOREVER
        if self._packets:
            self._first(now)

    def _first(self, now: float) -> None:
        """Send the first packet that waits, and await its answer."""
        data, status = self._packets[0]
        sent = packet(DECODE_DATA, data, status | (SENT_AGAIN if self._times else 0))
        if self.broken_packets:
            self.broken_packets -= 1
            sent = sent[:-1] + bytes((sent[-1] ^ 0x55,))
        self._times += 1
        self._send(sent, now)
        self._again_by = self._sending[-1][0] + ANSWER_S_MAX

    def _again(self, now: float) -> None:
        if self._times < TIMES_MAX:
            self._first(now)
        else:  # a transmit error: the whole label is given up
            self._packets, self._times, self._again_by = [], 0, FOREVER
