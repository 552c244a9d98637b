"""Honeywell scanners (N36xx, Xenon, Voyager) and those that take their commands. Pure.

A menu command is `SYN M CR`, tag and value, and `!` (until the power goes) or `.` (for good). The
scanner says it again with ACK, ENQ (no such tag) or NAK (no such value) before the punctuation; any
of them shows that it lives.
Quality: from the serial commands of the Voyager 1250g and N36xx user guides; the tag of the AIM
prefix from memory; no hardware of ours yet. Configuration by printed codes: not known how to
switch off.

>>> command("TRGMOD3")
b'\\x16M\\rTRGMOD3!'
"""

import re

from fellesskap_edge.scanners.family import Family
from fellesskap_edge.scanners.framing import Lines

MENU = b"\x16M\r"
PRESENTATION, SUFFIX_CR = "TRGMOD3", "VSUFCR"
NO_PREFIX, AIM_PREFIX = "PRECA2", "PREBK2995C81"
"""Prefix of all symbologies (99): 5C81 stands for the AIM identifier."""
_TAGS = rb"(?:TRGMOD(?:[3?]|(?P<lost>[0-24-9]))|VSUFCR|PRECA2|PREBK2995C81)"
REPLIES = re.compile(_TAGS + rb"[\x05\x06\x15](?:[.!]|(?=[^.!]))")
"""Another trigger mode than presentation shows that the settings are lost."""


def command(tag: str) -> bytes:
    """Return the menu command that sets a tag to its value until the power goes."""
    return MENU + tag.encode("ascii") + b"!"


HONEYWELL = Family(
    "honeywell",
    baud=115_200,
    framer=Lines(REPLIES),
    setup=tuple(command(tag) for tag in (SUFFIX_CR, NO_PREFIX, AIM_PREFIX, PRESENTATION)),
    question=MENU + b"TRGMOD?.",
)
