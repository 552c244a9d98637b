"""Zebra's Simple Serial Interface (SSI): packets in, acknowledgements out. Pure.

`length opcode source status data… checksum`: length without the checksum, which is the two's
complement of the sum, high byte first. Source 0 is the scanner, 4 the host. Status bit 0: sent
again; bit 1: more of this label follows. Each decode packet has the symbol's type before its data
and must be acknowledged, a broken one refused; the scanner sends it again then.
Source: Zebra, Simple Serial Interface Programmer's Guide, 72E-40451.

>>> packet(START_SESSION).hex(" ")
'04 e4 04 00 ff 14'
"""

from dataclasses import dataclass

from fellesskap_edge.scanners.framing import IDLE_S, Answered, Garbled, Item, Label, Say, Unreadable
from fellesskap_protocol.barcodes import CLEAN, LABEL_BYTES_MAX
from fellesskap_protocol.changed import replace

HOST, SCANNER = 0x04, 0x00
PARAM_SEND, ACK, NAK, START_SESSION = 0xC6, 0xD0, 0xD1, 0xE4
SCAN_ENABLE, DECODE_DATA, EVENT = 0xE9, 0xF3, 0xF6
SENT_AGAIN, MORE_FOLLOWS = 0x01, 0x02
RESEND = 0x01
HEADER_BYTES, CHECKSUM_BYTES = 4, 2
REST_BYTES = 4
"""Around a label: its type, its ending, and one more to be too long."""
PARTS_S = 2.5
"""How long the rest of a label is awaited: the scanner sends again after 2 s."""
_NO_LENGTHS = bytes(range(HEADER_BYTES))
_GS1_128 = 0x0F


def packet(opcode: int, data: bytes = b"", *, source: int = HOST, status: int = 0) -> bytes:
    """Return a packet with its checksum."""
    body = bytes((HEADER_BYTES + len(data), opcode, source, status)) + data
    return body + (-sum(body) & 0xFFFF).to_bytes(2, "big")


@dataclass(frozen=True)
class Packets:
    """What was heard since the last whole packet, and of a label whose rest follows."""

    heard: bytes = b""
    noisy: bool = False
    parts: bytes = b""
    taken: bytes = b""
    """Type and data of the newest decode packet, to know it when it is sent again."""
    wake_at: float = float("inf")

    def receive(self, data: bytes, now: float) -> tuple["Packets", tuple[Item, ...]]:
        """Take bytes in; return what they complete, and what the scanner must be told."""
        after, heard = self, self.heard + data
        found: list[Item] = []
        while heard and not after.noisy:
            end = heard[0] + CHECKSUM_BYTES
            if heard[0] < HEADER_BYTES:
                heard = heard.lstrip(_NO_LENGTHS)  # wake-up bytes, or the line's own noise
            elif len(heard) < end:
                break
            elif sum(heard[: end - 2]) + int.from_bytes(heard[end - 2 : end], "big") & 0xFFFF:
                after = replace(after, noisy=True)  # no telling where the next packet begins
            else:
                after, heard = after._take(heard[: end - 2], found), heard[end:]
        heard = b"" if after.noisy else heard
        waits = IDLE_S if heard or after.noisy else PARTS_S if after.parts else float("inf")
        return replace(after, heard=heard, wake_at=now + waits), tuple(found)

    def silence(self) -> tuple["Packets", tuple[Item, ...]]:
        """Refuse a broken or half packet, or give up a label whose rest did not come."""
        if self.heard or self.noisy:
            waiting = self.wake_at - IDLE_S + PARTS_S if self.parts else float("inf")
            refusal = Say(packet(NAK, bytes((RESEND,))))
            return replace(self, heard=b"", noisy=False, wake_at=waiting), (refusal, Garbled())
        return Packets(), (Unreadable(),)

    def _take(self, body: bytes, found: list[Item]) -> "Packets":
        opcode, source, status, data = body[1], body[2], body[3], body[HEADER_BYTES:]
        if source != SCANNER:
            return self  # our own, echoed by the line
        found.append(Answered())
        if opcode == EVENT:
            found.append(Say(packet(ACK)))
        if opcode != DECODE_DATA:
            return self
        found.append(Say(packet(ACK)))
        if not data or (status & SENT_AGAIN and data == self.taken):
            return self  # our acknowledgement was lost: the scanner says it again
        # What is too long stays too long, so that its end does not pass for a label of its own.
        parts = ((self.parts or data[:1]) + data[1:])[: LABEL_BYTES_MAX + REST_BYTES]
        after = replace(self, parts=parts, taken=data)
        if status & MORE_FOLLOWS:
            return after
        found.append(_label(parts))
        return replace(after, parts=b"")


def _label(parts: bytes) -> Item:
    """Make a label of a symbol's type and text; a GS1-128 is known by its type, too."""
    kind, text = parts[0], parts[1:].rstrip(b"\r\n")
    if kind == _GS1_128 and not text.startswith(b"]"):
        text = b"]C1" + text
    if len(text) > LABEL_BYTES_MAX or not CLEAN.fullmatch(text):
        return Unreadable()
    return Label(text)
