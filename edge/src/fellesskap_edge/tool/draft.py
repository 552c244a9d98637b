"""The draft that commissioning begins with, and the `locker.toml` that it ends with.

A draft is a `locker.toml` that leaves out what is to be learnt: `address` and `name` of a bank
(then every board found on its line becomes one), polarity, `bank` and `channel` of a compartment;
or the compartments altogether, with `[[size]]` tables of which each door is one. A bank on pins
says which they are, contacts in any order; one that compartments name is taken over as it stands.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fellesskap_edge.config import Bank, LockerConfig
from fellesskap_edge.config_check import Raw, Reading, read, tables
from fellesskap_edge.config_pins import problems_of_pins
from fellesskap_edge.config_rules import problems_of_lines, problems_of_the_whole
from fellesskap_edge.locks import FAMILIES
from fellesskap_edge.tool.wiring import Wiring
from fellesskap_edge.tool.words import Door

WIRED = ("bank", "channel")
LEARNT = ("closed_bit", "status_order")
LEARNT_OF_PINS = ("lock_pins", "door_pins", "active_high", "closed_level")
PATHS = {"bank": "port", "scanner": "port", "edge": "state", "climate": "devices"}
"""What is relative to the file, by table."""
NAMES = "abcdefghijklmnopqrstuvwxyz"


class Size(msgspec.Struct, frozen=True, rename={"name": "class"}):
    """A box that doors may be: its name, its inside in mm, what it carries in g."""

    name: str
    width_mm: int
    height_mm: int
    depth_mm: int
    max_g: int


@dataclass(frozen=True)
class Line:
    """One `[[bank]]` of the draft; its address is None if it is to be found."""

    raw: Raw
    bank: Bank
    address: int | None


@dataclass(frozen=True)
class BankOnPins:
    """One `[[bank]]` on pins to be learnt; its level is None if that is to be found."""

    raw: Raw
    bank: Bank
    level: int | None


@dataclass(frozen=True)
class Draft:
    """What the draft says."""

    path: Path
    raw: Raw
    lines: tuple[Line, ...]
    doors: Mapping[int, Raw]
    """The compartments to be found by number, without their wires."""
    sizes: Mapping[str, Size]
    on_pins: tuple[BankOnPins, ...] = ()
    banks_taken_over: tuple[Raw, ...] = ()
    doors_taken_over: tuple[Raw, ...] = ()


def load_draft(path: Path) -> Draft:
    """Read a draft; raise `InvalidConfig` with all that is wrong with it."""
    reading = read(path)
    drafted = reading.raw
    whole = {**reading.raw, "bank": _whole_banks(reading.raw)}
    whole["compartment"] = _whole_compartments(reading.raw)
    reading = Reading(path, whole, reading.lines)
    locker = {key: table for key, table in whole.items() if key != "size"}
    config = reading.table(LockerConfig, locker, ())
    found = tables(reading)
    for row, raw in zip(found.banks, _tables(drafted, "bank"), strict=False):
        row.address = row.address if "address" in raw else None
    rules = (problems_of_the_whole, problems_of_lines, problems_of_pins)
    for place, what in (one for rule in rules for one in rule(found)):
        reading.say(place, what)
    sizes = whole.get("size", [])
    if not isinstance(sizes, list):
        reading.say(("size",), "is [[size]], one for each")
    boxes = [reading.table(Size, one, ("size", at)) for at, one in enumerate(_list(sizes))]
    wired = _wired(drafted)
    if all(row.family == "gpio" and row.name in wired for row in found.banks):
        reading.say((), "nothing to find: no [[bank]] but those on pins whose doors are known")
    for at, row in enumerate(found.banks):
        if row.family != "gpio" and row.power_pin is not None and row.address is None:
            told = "a bank with a power_pin needs its address: the pin feeds one board"
            reading.say(("bank", at, "power_pin"), told)
    reading.refuse()
    assert config is not None, "what is no draft was refused"
    return _draft(path, drafted, config, [box for box in boxes if box])


def _draft(path: Path, raw: Raw, config: LockerConfig, sizes: Sequence[Size]) -> Draft:
    folder = path.resolve().parent
    lines, on_pins = [], []
    taken_over = {}
    for one, bank in zip(raw["bank"], config.banks, strict=True):
        if bank.family == "gpio":
            if bank.name in _wired(raw):
                taken_over[bank.name] = {"name": bank.name, **one}
            else:
                level = int(bank.active_high) if "active_high" in one else None
                on_pins.append(BankOnPins(one, bank, level))
            continue
        placed = msgspec.structs.replace(bank, port=str(folder / bank.port))
        lines.append(Line(one, placed, one.get("address")))
    compartments: list[Raw] = raw.get("compartment", [])
    return Draft(
        path=path,
        raw=raw,
        lines=tuple(lines),
        doors={
            one["number"]: {key: value for key, value in one.items() if key not in WIRED}
            for one in compartments
            if one.get("bank") not in taken_over
        },
        sizes={size.name: size for size in sizes},
        on_pins=tuple(on_pins),
        banks_taken_over=tuple(taken_over.values()),
        doors_taken_over=tuple(one for one in compartments if one.get("bank") in taken_over),
    )


def _wired(raw: Raw) -> set[object]:
    """Return the banks that compartments name."""
    return {one["bank"] for one in _tables(raw, "compartment") if isinstance(one.get("bank"), str)}


def _whole_banks(raw: Raw) -> object:
    if not isinstance(raw.get("bank", []), list):
        return raw["bank"]
    whole: list[object] = []
    for at, one in enumerate(_list(raw.get("bank"))):
        family = one.get("family") if isinstance(one, dict) else None
        known = FAMILIES.get(family) if isinstance(family, str) else None
        first = known.addresses[0] if known else 0
        learnt = {"name": NAMES[at % len(NAMES)]} | ({"address": first} if known else {})
        whole.append({**learnt, **one} if isinstance(one, dict) else one)
    return whole


def _whole_compartments(raw: Raw) -> object:
    if not isinstance(raw.get("compartment", []), list):
        return raw["compartment"]
    learnt = {"bank": "", "channel": 1}
    rows = _list(raw.get("compartment"))
    return [{**learnt, **one} if isinstance(one, dict) else one for one in rows]


def _tables(raw: Raw, key: str) -> list[Raw]:
    return [one if isinstance(one, dict) else {} for one in _list(raw.get(key))]


def _list(raw: object) -> list[Any]:
    return raw if isinstance(raw, list) else []


def render(draft: Draft, boards: Mapping[str, Raw], wiring: Wiring, out: Path) -> str:
    """Return the text of `locker.toml`; `boards` are the keys of each bank that was found.

    What the draft says beside banks, compartments and sizes is taken over as it is.
    """
    folder = draft.path.resolve().parent
    moved = out.resolve().parent != folder
    parts = ["# Written by `fellesskap-edge commission`.\n"]
    for name, table in draft.raw.items():
        if name in ("bank", "compartment", "size"):
            continue
        for one in table if isinstance(table, list) else [table]:
            head = f"[[{name}]]" if isinstance(table, list) else f"[{name}]"
            parts.append(_table(head, _placed(name, one, folder) if moved else one))
    for name, raw in boards.items():
        learnt = {**raw, **wiring.banks[name]}
        parts.append(_table("[[bank]]", _placed("bank", learnt, folder) if moved else learnt))
    parts += [_table("[[bank]]", one) for one in draft.banks_taken_over]
    doors = [*(_compartment(draft, door) for door in wiring.doors), *draft.doors_taken_over]
    doors.sort(key=lambda one: int(one["number"]))
    parts += [_table("[[compartment]]", one) for one in doors]
    return "\n".join(parts)


def _compartment(draft: Draft, door: Door) -> Raw:
    bank, channel = door.lock
    wire = {"number": door.number, "bank": bank, "channel": channel}
    if door.number in draft.doors:
        return {**wire, **draft.doors[door.number]}
    assert door.size is not None, "the size of a door that is not in the draft was asked for"
    assert door.floor_mm is not None, "and so was its floor"
    box = msgspec.structs.asdict(draft.sizes[door.size])
    box.pop("name")
    max_g = box.pop("max_g")
    top_mm = door.floor_mm + box["height_mm"]
    return {**wire, **box, "floor_mm": door.floor_mm, "top_mm": top_mm, "max_g": max_g}


def _placed(name: str, table: Raw, folder: Path) -> Raw:
    """Return a table whose paths hold from another folder too."""
    paths = {
        "bank": ("port",),
        "scanner": ("port",),
        "edge": ("state",),
        "climate": ("devices",),
    }.get(name, ())
    return {key: str(folder / value) if key in paths else value for key, value in table.items()}


def _table(head: str, table: Raw) -> str:
    return "\n".join([head, *_pairs(table)]) + "\n"


def _pairs(table: Raw) -> Iterator[str]:
    for key, value in table.items():
        yield f"{_quoted(key)} = {_value(value)}"


def _quoted(key: str) -> str:
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if plain else _value(key)


def _value(value: object) -> str:
    """Return a value as TOML: of what tomllib reads, what a config may hold."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{ {', '.join(_pairs(value))} }}"
    return str(value)
