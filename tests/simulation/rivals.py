"""I10: a carrier learns nothing of another beyond what availability and its own answers imply.

Two looks at all that carriers were told. Of any life: what one is told names nothing of another.
Of two lives that differ in nothing but a rival's own business: everybody else is told the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.life import Life
    from tests.simulation.shipments import Shipment

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMED = re.compile(rf"{_UUID.pattern}|[A-Za-z]+\d{{6}}-\d{{5}}|[a-z]+\.example")
SHOWN = 120
"""How much is shown of what differs."""


@dataclass(frozen=True)
class Business:
    """What is a carrier's own affair: how its labels begin, and what else others need not know."""

    prefix: str
    hook: str = "hook"
    grams: int = 900
    spare_mm: int = 0
    """By how much its boxes are smaller than they might be: they need the same doors."""
    collect_within: str = "P3D"
    pries: int = 0
    """How often it looks at its parcels, reads its feed, and asks for what is refused."""


def strangers(life: "Life") -> Iterator[str]:
    """Yield who was told something that names what is another's."""
    owners: dict[str, str] = {}
    for carrier in life.carriers:
        owners[carrier.id] = owners[f"{carrier.name.lower()}.example"] = carrier.who
    for one in life.shipments:
        owners |= dict.fromkeys(_names(one), one.carrier.who)
    for who, text in life.world.left.told:
        for name in sorted(set(_NAMED.findall(text))):
            if owners.get(name, who) != who:
                yield f"I10 {_of(life, who)} was told of {name}, which is {_of(life, owners[name])}"


def _names(one: "Shipment") -> Iterator[str]:
    found = (one.label, one.parcel_id, one.right_id, one.reservation_id, *one.former_ids)
    return (name for name in found if name)


def _of(life: "Life", who: str) -> str:
    return next(f"{carrier.name}'s" for carrier in life.carriers if carrier.who == who)


def differences(one: "Life", other: "Life") -> Iterator[str]:
    """Yield the first thing that each carrier but the last was told in one life only."""
    for carrier, same in zip(one.carriers[:-1], other.carriers[:-1], strict=True):
        for here, there in zip_longest(told(one, carrier.who), told(other, same.who)):
            if here != there:
                yield f"I10 {carrier.name} was told {_shown(here)}, and {_shown(there)}"
                break


def told(life: "Life", who: str) -> list[str]:
    """Return what one was told, in order; ids are counted, as chance makes them."""
    names: dict[str, str] = {}

    def count(found: re.Match[str]) -> str:
        return names.setdefault(found.group(), f"id-{len(names)}")

    return [_UUID.sub(count, text) for reader, text in life.world.left.told if reader == who]


def _shown(text: str | None) -> str:
    return "nothing" if text is None else text[:SHOWN]
