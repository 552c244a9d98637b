"""What commissioning concludes: the polarity of each board, the wire of each door. Pure.

A door whose lock and contact cannot both be said in `locker.toml` is left out and named, with what
to do about it: a guess would open the wrong door or call a shut one open.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.tool import wiring_pins
from fellesskap_edge.tool.words import Board, Door, Place

GROUP, GROUPS = 8, 3


@dataclass(frozen=True, slots=True)
class Wiring:
    """The keys of each board that were learnt, the doors that can be used, and what cannot."""

    banks: Mapping[str, dict[str, Any]]
    doors: tuple[Door, ...]
    problems: tuple[str, ...]


def conclude(boards: Sequence[Board], doors: Sequence[Door], known: Iterable[int]) -> Wiring:
    """Return what follows from the doors that were opened; `known` are those of the draft."""
    banks: dict[str, dict[str, Any]] = {}
    good: list[Door] = []
    problems: list[str] = []
    for board in boards:
        mine = [door for door in doors if door.lock[0] == board.name]
        if board.pins is not None:
            keys, usable, unusable = wiring_pins.conclude(board.name, board.pins, mine)
            banks[board.name] = keys
            good += usable
            problems += unusable
            continue
        if not board.senses:
            banks[board.name] = {}
            good += mine
            continue
        low_first = _is_low_first(board, mine)
        straight = [door for door in mine if door.contact == _contact(door.lock, low_first)]
        bits = Counter(door.open_bit for door in straight)
        open_bit = bits.most_common(1)[0][0] if bits else None
        banks[board.name] = _keys(board, open_bit, low_first)
        good += [door for door in straight if door.open_bit == open_bit]
        problems += _problems(mine, low_first, open_bit)
    missing = sorted(set(known) - {door.number for door in doors})
    problems += [f"door {number} of the draft was not found on any wire" for number in missing]
    return Wiring(banks, tuple(sorted(good, key=lambda door: door.number)), tuple(problems))


def _keys(board: Board, open_bit: int | None, low_first: bool) -> dict[str, Any]:
    options = FAMILIES[board.family].options
    keys: dict[str, Any] = {}
    if open_bit is not None and "closed_bit" in options:
        keys["closed_bit"] = 1 - open_bit
    if "status_order" in options:
        keys["status_order"] = "low_first" if low_first else "high_first"
    return keys


def _is_low_first(board: Board, doors: Sequence[Door]) -> bool:
    """Say whether the status bytes of a board come in the other order: more doors fit so."""
    if "status_order" not in FAMILIES[board.family].options:
        return False
    fits = [sum(one.contact == _contact(one.lock, low) for one in doors) for low in (False, True)]
    return fits[True] > fits[False]


def _contact(lock: Place, low_first: bool) -> Place:
    """Return where the contact of a lock shows when the bytes are taken high channels first."""
    board, channel = lock
    group, bit = divmod(channel - 1, GROUP)
    return (board, (GROUPS - 1 - group) * GROUP + bit + 1) if low_first else lock


def _problems(doors: Sequence[Door], low_first: bool, open_bit: int | None) -> Iterator[str]:
    for door in doors:
        board, channel = door.lock
        name = f"door {door.number} (wire {channel} of board {board})"
        if door.contact is None:
            yield f"{name}: its contact did not move and go back: look at switch and wire"
        elif door.contact != _contact(door.lock, low_first):
            other = _contact(door.contact, low_first)
            yield (
                f"{name}: its contact is on wire {other[1]} of board {other[0]}: "
                "put lock and contact of a door on the same wire"
            )
        elif door.open_bit != open_bit:
            yield f"{name}: its contact reads the other way round than the others of its board"
