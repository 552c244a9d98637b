"""What one board of each family says and hears on a line, for tests of `bus`: bytes by hand."""

from dataclasses import dataclass, replace

from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.locks.driver import Driver, Plain


@dataclass(frozen=True)
class Frames:
    """The bytes of board 1 (and one reply of board 2); `""` where the family has no such frame."""

    status: str
    shut: str
    """All doors shut; no relay on."""
    one_open: str
    other_board: str
    unlock_1: str
    ack_1: str = ""
    ack_2: str = ""
    stirred: str = ""
    item_1: str = ""
    """All doors shut, and something lies behind the first."""
    coils_off: str = ""
    coil_1_on: str = ""
    off: str = ""
    start: tuple[tuple[str, str], ...] = ()
    retry_2: tuple[str, ...] = ()
    """What is said for a longer pulse of channel 2, where the board can be told one."""


OFF = "01 05 00 FF 00 00 FD FA"
UNLINK = "01 10 10 00 00 08 10" + 16 * " 00" + " 0B 5C"
LINKED = "01 03 10 00 00 08 40 CC"
UNLINKED = "01 03 10" + 16 * " 00" + " E4 59"
FRAMES = {
    "8a": Frames(
        status="80 01 00 33 B2",
        shut="80 01 FF FF FF 33 4D",
        one_open="80 01 FF FF FE 33 4C",
        other_board="80 02 FF FF FF 33 4E",
        unlock_1="8A 01 01 11 9B",
        ack_1="8A 01 01 11 9B",
        ack_2="8A 01 02 11 98",
        stirred="82 01 01 00 82",
    ),
    "kerong": Frames(
        status="02 10 30 03 45",
        shut="02 10 35 FF FF 00 00 03 48",
        one_open="02 10 35 FE FF 00 00 03 47",
        other_board="02 20 35 FF FF 00 00 03 58",
        item_1="02 10 35 FF FF 01 00 03 49",
        unlock_1="02 10 31 03 46",
        start=(("02 10 37 00 1E 03 6A", "02 10 38 00 1E 03 6B"),),
        retry_2=("02 10 37 00 32 03 7E", "02 11 31 03 47"),
    ),
    "waveshare": Frames(
        status="01 01 00 00 00 08 3D CC",
        shut="01 01 01 00 51 88",
        one_open="01 01 01 00 51 88",
        other_board="02 01 01 00 51 CC",
        unlock_1="01 05 02 00 00 03 8C 73",
        ack_1="01 05 02 00 00 03 8C 73",
        ack_2="01 05 02 01 00 03 DD B3",
        coils_off="01 01 01 00 51 88",
        coil_1_on="01 01 01 01 90 48",
        off=OFF,
        start=((OFF, OFF),),
        retry_2=("01 05 02 01 00 05 5D B1",),
    ),
    "waveshare_d": Frames(
        status="01 02 00 00 00 08 79 CC",
        shut="01 02 01 FF E1 C8",
        one_open="01 02 01 FE 20 08",
        other_board="02 02 01 FF E1 8C",
        unlock_1="01 05 02 00 00 03 8C 73",
        ack_1="01 05 02 00 00 03 8C 73",
        ack_2="01 05 02 01 00 03 DD B3",
        coils_off="01 01 01 00 51 88",
        coil_1_on="01 01 01 01 90 48",
        off=OFF,
        start=((UNLINK, "01 10 10 00 00 08 C5 0F"), (OFF, OFF), (LINKED, UNLINKED)),
        retry_2=("01 05 02 01 00 05 5D B1",),
    ),
    "wkly": Frames(
        status="57 4B 4C 59 08 01 84 84",
        shut="57 4B 4C 59 16 01 84 00 0C" + 12 * " 00" + " 96",
        one_open="57 4B 4C 59 16 01 84 00 0C 01" + 11 * " 00" + " 97",
        other_board="57 4B 4C 59 16 02 84 00 0C" + 12 * " 00" + " 95",
        unlock_1="57 4B 4C 59 09 01 82 01 82",
        ack_1="57 4B 4C 59 0B 01 82 00 01 00 80",
        ack_2="57 4B 4C 59 0B 01 82 00 02 00 83",
        stirred="57 4B 4C 59 0B 01 85 00 01 01 86",
    ),
}


def driver(family: str, address: int = 1) -> Driver:
    """The driver of a board as it comes from the factory."""
    known = FAMILIES[family]
    return known.make(Plain(known, address, known.channels))


def retry_driver(family: str) -> Driver:
    """The driver of board 1 for another try: with a pulse of 500 ms, if it can be told one."""
    known = FAMILIES[family]
    longer = replace(known, pulse_ms=500) if known.pulse_step_ms else known
    return known.make(Plain(longer, 1, known.channels))
