"""Modbus RTU as far as relay boards need it: checksum, frames, replies. Pure.

Ours and not a stock client: those know no flash-on (function 5 with an address and a value that the
standard does not have), and want to own the timing of the line. Source: Modbus over serial line
1.02; Modbus application protocol 1.1b3.

>>> sealed(bytes.fromhex("01 05 00 FF 00 00")).hex(" ")
'01 05 00 ff 00 00 fd fa'
"""

from collections.abc import Iterator

READ_COILS, READ_INPUTS, READ_REGISTERS, WRITE_COIL, WRITE_REGISTERS = 1, 2, 3, 5, 16


def _after(value: int) -> int:
    """Return what eight bits of the polynomial A001 make of a value."""
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


TABLE = tuple(map(_after, range(256)))


def crc(body: bytes) -> bytes:
    """Return the checksum as it stands on the line, low byte first."""
    value = 0xFFFF
    for byte in body:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def sealed(body: bytes) -> bytes:
    """Return a frame: the body with its checksum."""
    return body + crc(body)


def asks(unit: int, function: int, first: int, count: int) -> bytes:
    """Return the frame that reads `count` bits or registers from `first` on."""
    return sealed(bytes((unit, function)) + first.to_bytes(2, "big") + count.to_bytes(2, "big"))


def bits(heard: bytes, unit: int, function: int, count: int) -> tuple[int, ...] | None:
    """Return the bits of the reply to a read of `count` bits among the bytes heard, else None."""
    size = (count + 7) // 8
    for data in _stretches(heard, bytes((unit, function, size)), size):
        value = int.from_bytes(data, "little")
        return tuple(value >> at & 1 for at in range(count))
    return None


def _stretches(heard: bytes, head: bytes, size: int) -> Iterator[bytes]:
    """Yield `size` bytes after each `head` if the checksum after them holds."""
    start = heard.find(head)
    while start >= 0:
        end = start + len(head) + size
        if len(heard) >= end + 2 and crc(heard[start:end]) == heard[end : end + 2]:
            yield heard[start + len(head) : end]
        start = heard.find(head, start + 1)
