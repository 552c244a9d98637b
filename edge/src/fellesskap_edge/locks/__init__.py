"""Lock boards, one driver a family: a pure codec and what the bus needs to know of it.

>>> frame("8a", "unlock", board=1, channel=1).hex(" ").upper()
'8A 01 01 11 9B'
"""

from fellesskap_edge.locks import board_8a, kerong, waveshare, wkly
from fellesskap_edge.locks.driver import Family, Plain

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        board_8a.FAMILY,
        kerong.FAMILY,
        waveshare.FAMILY,
        waveshare.FAMILY_D,
        wkly.FAMILY,
    )
}
"""By the name in `locker.toml`."""


def frame(family: str, operation: str, board: int, channel: int = 1) -> bytes:
    """Return the request bytes of one operation, for a technician with a serial terminal.

    A pulse is as long as the daemon asks for by itself. Raises `ValueError` saying what there is
    for a family, operation, board or channel that is none.
    """
    if family not in FAMILIES:
        raise ValueError(f"no family {family!r}: there are {', '.join(FAMILIES)}")
    known = FAMILIES[family]
    if board not in known.addresses:
        raise ValueError(f"board {board} is not {known.addresses[0]} to {known.addresses[-1]}")
    if operation == "unlock":
        return known.make(Plain(known, board, known.channels_max)).unlock(channel)
    driver = known.make(Plain(known, board, known.channels))
    off = driver.off()
    if operation == "status":
        return driver.status()
    if operation == "all_off" and off is not None:
        return off.request
    others = "" if off is None else ", all_off"
    raise ValueError(f"no operation {operation!r}: {family} has unlock, status{others}")
