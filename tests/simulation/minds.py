"""Carriers that change their minds about one of their parcels, and whom they send for it."""

import random
from collections.abc import Sequence

from tests.simulation import features
from tests.simulation.shipments import Shipment
from tests.simulation.visitors import Kiosk, neighbour
from tests.simulation.world import Going, World

SENDS = 0.4
"""How often, where it is done at all, somebody else is let fetch a parcel that lies there."""
WALKS_S = (30.0, 3600.0)


def changed(
    world: World, shipments: Sequence[Shipment], locker_id: str, rng: random.Random
) -> Going:
    """Let the carrier of one of the parcels at a locker want something else."""
    those = [
        one
        for one in shipments
        if one.locker_id == locker_id and one.parcel_id and one.state != "gone"
    ]
    if those:
        one = rng.choice(those)
        sends = features.wants_badges(world.seed) and one.state == "lies" and one.right_id
        if sends and rng.random() < SENDS:
            yield from _send_neighbour(world, one, rng)
        else:
            _wish(one, rng)
    yield 0.0


def _send_neighbour(world: World, one: Shipment, rng: random.Random) -> Going:
    code, qr = one.carrier.second_code(one)
    if code:
        yield rng.uniform(*WALKS_S)
        yield from neighbour(Kiosk(world, world.cabinets[one.locker_id]), one, code, qr, rng=rng)


def _wish(one: Shipment, rng: random.Random) -> None:
    turn = rng.random()
    if one.state == "reserved" and one.kind == "claim":
        if turn < 0.5:
            one.carrier.patch(one, 0.7)
        else:
            one.carrier.cancel(one)
    elif one.state == "lies":
        if turn < 0.25:
            one.carrier.upon(one, "recall")
        elif turn < 0.5:
            one.carrier.extend(one)
        elif turn < 0.8 and one.right_id:
            one.carrier.rotate_code(one)
        else:
            one.carrier.upon(one, "dispute", reason="not there")
    elif one.state == "back":
        one.carrier.extend(one)
