"""Couriers on their way: what they wait for, and have with them, by mistake too."""

import random
from collections.abc import Container, Sequence
from dataclasses import dataclass

from tests.simulation.cabinet import Cabinet
from tests.simulation.carriers import Carrier
from tests.simulation.shipments import Shipment
from tests.simulation.visitors import Courier, Kiosk
from tests.simulation.world import Going

LOOKS_S, LOOKS_MAX = 1800.0, 16
"""How often one looks whether the locker expects what is to be brought, and how many times."""
ODD_BADGE = 0.15
"""How often a courier comes with another badge than the one for this locker and all it does."""
MISLAID = 0.15
"""How often one has a parcel in the bag that another locker expects."""


@dataclass(frozen=True)
class Bag:
    """What a courier of a carrier comes with: at best what is waited for, and what is open."""

    carrier: Carrier
    waits_for: Sequence[Shipment]
    extra: Shipment | None
    """One that was not announced."""
    mistakes: random.Random


def visit(cabinet: Cabinet, bag: Bag, rng: random.Random) -> Going:
    """Come by when the locker expects what is waited for, or at last all the same."""
    carrier = bag.carrier
    for _ in range(LOOKS_MAX):
        waiting = [one for one in bag.waits_for if one.state == "reserved"]
        if all(one.right_id in _known(cabinet) for one in waiting):
            break
        yield LOOKS_S
    token = ""
    if rng.random() < 0.9 or bag.extra:
        token = yield from badge(cabinet, carrier, bag.mistakes)
    those = [
        one
        for one in carrier.open.get(cabinet.locker_id, ())
        if one.right_id in _known(cabinet) or rng.random() < 0.05
    ]
    if bag.extra:
        carrier.by_label[bag.extra.label] = bag.extra
        those.append(bag.extra)
    if token:
        those += mislaid(cabinet, carrier, bag.mistakes)
    name = f"{carrier.name}-{rng.getrandbits(16):04x}"
    courier = Courier(Kiosk(carrier.world, cabinet), name, rng, token=token)
    yield from courier.visit(those, sweeps=bool(token))


def _known(cabinet: Cabinet) -> Container[str]:
    return cabinet.drive.controller.rights if cabinet.drive else {}


def badge(cabinet: Cabinet, carrier: Carrier, rng: random.Random) -> Going:
    """Have a badge; now and then an old one, one of another locker, or one for half the work."""
    here: tuple[str, ...] = (cabinet.locker_id,)
    both: tuple[str, ...] = ("deposit", "remove")
    elsewhere = tuple(name for name in carrier.world.cabinets if name not in here)
    lockers, may = here, both
    if rng.random() < ODD_BADGE:
        kind = rng.choice(("old", "elsewhere", "puts in", "takes out"))
        if kind == "old" and carrier.tokens:
            return rng.choice(carrier.tokens)
        lockers = elsewhere if kind == "elsewhere" else here
        may = {"puts in": both[:1], "takes out": both[1:]}.get(kind, both)
    token = yield from carrier.badge(lockers, may)
    return token


def mislaid(cabinet: Cabinet, carrier: Carrier, rng: random.Random) -> list[Shipment]:
    """Return now and then one parcel that was to go to another locker."""
    if rng.random() >= MISLAID:
        return []
    those = [
        one
        for locker_id, expected in carrier.open.items()
        for one in expected
        if locker_id != cabinet.locker_id and one.state == "reserved"
    ]
    return [rng.choice(those)] if those else []
