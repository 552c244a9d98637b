"""Where one MQTT 3.1.1 control packet ends and the next begins. Pure: bytes in, packets out.

So that the proxy loses, doubles or delays whole packets and never tears the stream. Source: MQTT
3.1.1 (OASIS), 2.2 fixed header, 2.2.3 remaining length, 3.3 PUBLISH.
"""

from typing import NamedTuple

PUBLISH = 3
LENGTH_BYTES_MAX = 4
PACKET_BYTES_MAX = 1 << 20
"""No message of ours is over 64 KiB: what claims a MiB is no stream of ours."""


class BrokenFrame(ValueError):
    """Bytes that are no MQTT packet: the stream cannot be followed any more."""


class Packet(NamedTuple):
    """One whole control packet, as it came."""

    raw: bytes

    @property
    def type(self) -> int:
        """The control packet's type: 3 is PUBLISH."""
        return self.raw[0] >> 4

    @property
    def _body(self) -> int:
        at = 1
        while self.raw[at] & 0x80:
            at += 1
        return at + 1

    @property
    def topic(self) -> str:
        """The topic of a PUBLISH; empty for all else."""
        if self.type != PUBLISH:
            return ""
        at = self._body
        length = int.from_bytes(self.raw[at : at + 2], "big")
        return self.raw[at + 2 : at + 2 + length].decode(errors="replace")

    @property
    def payload(self) -> bytes:
        """What a PUBLISH carries; empty for all else."""
        if self.type != PUBLISH:
            return b""
        at = self._body
        at += 2 + int.from_bytes(self.raw[at : at + 2], "big")
        quality = self.raw[0] >> 1 & 3
        return self.raw[at + 2 if quality else at :]  # QoS 1 and 2 have an identifier between


def split(buffer: bytes) -> tuple[list[Packet], bytes]:
    """Return the whole packets at the head of `buffer`, and the rest; raise `BrokenFrame`.

    >>> split(bytes.fromhex("c000 300500016178"))
    ([Packet(raw=b'\\xc0\\x00')], b'0\\x05\\x00\\x01ax')
    """
    packets, at = [], 0
    while (end := _end(buffer, at)) is not None and end <= len(buffer):
        packets.append(Packet(buffer[at:end]))
        at = end
    return packets, buffer[at:]


def _end(buffer: bytes, at: int) -> int | None:
    """Return where the packet at `at` ends, perhaps beyond the buffer; None if not known yet."""
    length, head = 0, buffer[at + 1 : at + 1 + LENGTH_BYTES_MAX]
    for turn, byte in enumerate(head):
        length |= (byte & 0x7F) << 7 * turn
        if not byte & 0x80:
            if length > PACKET_BYTES_MAX:
                raise BrokenFrame(f"a packet of {length} bytes")
            return at + 2 + turn + length
    if len(head) == LENGTH_BYTES_MAX:
        raise BrokenFrame("a remaining length of more than four bytes")
    return None


def remaining_length(length: int) -> bytes:
    """Write a remaining length.

    >>> remaining_length(321).hex()
    'c102'
    """
    written = bytearray()
    while True:
        length, digit = divmod(length, 128)
        written.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(written)
