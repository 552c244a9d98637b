"""Zebra and Symbol scan engines (SE, DS457, MS4717) over SSI: how they are set up. Pure.

Quality: packets from Zebra's SSI guide and public drivers; the numbers of the parameters from
memory of the SE955's integration guide; no hardware of ours yet. A scanner that has no such
parameter refuses it, which changes nothing.
"""

from fellesskap_edge.scanners.family import Family
from fellesskap_edge.scanners.packets import PARAM_SEND, SCAN_ENABLE, Packets, packet

NO_BEEP = 0xFF
PACKETS_ON = (0xEE, 0x01)
"""Decode data in packets, which have a checksum, instead of bare text."""
AIM_ON = (0x2D, 0x01)
CONTINUOUS_POWER = (0x80, 0x00)
"""A sleeping engine loses the first byte that it is sent."""
PRESENTATION = (0x8A, 0x07)
PRINTED_SETTINGS_OFF = (0xEC, 0x00)
"""Else anybody can reprogram the scanner with a printed code."""


def setting(parameter: int, value: int) -> bytes:
    """Return the packet that sets a parameter, silently, until the power goes."""
    return packet(PARAM_SEND, bytes((NO_BEEP, parameter, value)))


SSI = Family(
    "ssi",
    baud=9600,
    framer=Packets(),
    setup=(
        setting(*PACKETS_ON),
        setting(*AIM_ON),
        setting(*CONTINUOUS_POWER),
        setting(*PRESENTATION),
        setting(*PRINTED_SETTINGS_OFF),
        packet(SCAN_ENABLE),
    ),
    # Doing it twice is doing it once, and one that lost its settings reads again.
    question=setting(*PRESENTATION),
)
