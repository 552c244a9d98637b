"""Where lockers are crowded, a courier stands by with what was refused, and comes when room is."""

import random

from tests.simulation import features
from tests.simulation.carriers import Carrier
from tests.simulation.visitors import Courier, Kiosk
from tests.simulation.world import Going, World

COMES_S = (20.0, 120.0)


def stand_by(world: World, carrier: Carrier, rng: random.Random) -> None:
    """Let a carrier send somebody whenever a parcel of its own was collected."""
    if features.is_crowded(world.seed):
        world.sleeps_s = 0.0  # whoever stands by must hear of it while it matters
        carrier.upon_room = lambda locker_id: world.go(_comes(world, carrier, locker_id, rng))


def _comes(world: World, carrier: Carrier, locker_id: str, rng: random.Random) -> Going:
    waiting = carrier.refused.get(locker_id)
    if not waiting or not world.faulty:
        return
    one = waiting.pop(0)
    yield from carrier.reserve(one, 0.1)
    if one.state == "reserved":
        yield rng.uniform(*COMES_S)
        name = f"{carrier.name}-{rng.getrandbits(16):04x}"
        courier = Courier(Kiosk(world, world.cabinets[locker_id]), name, rng)
        yield from courier.visit([one], sweeps=False)
