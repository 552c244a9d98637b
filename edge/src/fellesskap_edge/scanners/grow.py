"""The Grow family (GM65, GM67, GM81x, GM861): what to send, and what is a reply. Pure.

A command is `7E 00 | type len addrH addrL | data | CRC`, acknowledged by seven bytes whose last
two, the CRC, read as the text "31". `AB CD` stands for "CRC not checked".
Quality: from a summary of the manual of the GM812, V1.2.1 (AIM register 00D0, ending register 000E,
heartbeat), and frames seen in the field for the GM65; no hardware of ours yet. Registers differ
between models: for another than the GM812 write `setup = false` and set it up by its printed codes.
Configuration by printed codes can only be switched off by a printed code.

>>> write(0x0002, 0x01).hex(" ")
'7e 00 08 01 00 02 01 02 da'
"""

import re
from binascii import crc_hqx

from fellesskap_edge.scanners.family import Family
from fellesskap_edge.scanners.framing import Lines

WRITE, HEARTBEAT = 0x08, 0x0A
AIM_ON = bytes.fromhex("7E 00 08 01 00 D0 80 AB CD")
"""As the manual prints it, without CRC."""
ENDING, CR = 0x000E, 0x00
REPLIES = re.compile(rb"[\x02\x03]\x00(?:\x00\x01\x00\x33\x31|[\x01-\x07]\x01.{3})", re.DOTALL)
"""`02` to a command, `03` to a heartbeat; a status but 00 is a refusal, which is an answer too."""


def write(register: int, value: int) -> bytes:
    """Return the frame that sets one register until the power goes."""
    return _framed(bytes((WRITE, 1, *register.to_bytes(2, "big"), value)))


def _framed(body: bytes) -> bytes:
    return b"\x7e\x00" + body + crc_hqx(body, 0).to_bytes(2, "big")


GROW = Family(
    "grow",
    baud=9600,
    framer=Lines(REPLIES),
    setup=(AIM_ON, write(ENDING, CR)),
    question=_framed(bytes((HEARTBEAT, 1, 0, 0, 0))),
)
