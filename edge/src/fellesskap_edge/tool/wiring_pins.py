"""What commissioning concludes of a bank on pins: its levels, and which pins are a door's. Pure.

Any contact of the bank may belong to any lock: each is a wire of its own. But a bank has one level
that switches its locks on and one that its contacts read while shut, so a door that needs another
is left out and named. Called by `wiring`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fellesskap_edge.tool.words import NOTHING, Door, Pins

Concluded = tuple[dict[str, Any], list[Door], list[str]]


def conclude(bank: str, pins: Pins, doors: Sequence[Door]) -> Concluded:
    """Return the bank's keys, its usable doors on new channels, and why others are not."""
    shut_bits = Counter(door.shut_bit for door in doors if _why_not(bank, door, None) is None)
    shut_bit = shut_bits.most_common(1)[0][0] if shut_bits else None
    good: list[Door] = []
    problems: list[str] = []
    for door in sorted(doors, key=lambda one: one.lock):
        why = _why_not(bank, door, shut_bit) if pins.doors else None
        if why is None:
            good.append(door)
        else:
            pin = pins.locks[door.lock[1] - 1]
            problems.append(f"door {door.number} (GPIO {pin} of bank {bank}): {why}")
    levels = [door.level for door in good]
    keys: dict[str, Any] = {
        "lock_pins": [pins.locks[door.lock[1] - 1] for door in good],
        "active_high": levels[:1] == [1],
    }
    if pins.doors:
        keys["door_pins"] = [pins.doors[_contact(door) - 1] for door in good]
        keys["closed_level"] = shut_bit
    renumbered = [replace(door, lock=(bank, at)) for at, door in enumerate(good, start=1)]
    return keys, renumbered, problems


def _why_not(bank: str, door: Door, shut_bit: int | None) -> str | None:
    """Say why a door's contact cannot be used; None if it can."""
    if door.contact is None:
        return "its contact did not move and go back: look at switch and wire"
    if door.contact[0] != bank:
        return f"its contact is on board {door.contact[0]}: lock and contact are of one bank"
    if door.shut_bit == NOTHING:
        return "its switch opens when the door shuts: use its other contact"
    if shut_bit is not None and door.shut_bit != shut_bit:
        return "its contact reads the other way round than the others of its bank"
    return None


def _contact(door: Door) -> int:
    assert door.contact is not None, "a door without a contact was left out"
    return door.contact[1]
