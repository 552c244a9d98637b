"""Programs of carriers that ask under a key of before: the same again, or something else."""

import random

from tests.simulation.carriers import Carrier
from tests.simulation.shipments import Shipment
from tests.simulation.world import Going

MIXED_UP = 0.3
"""How often something else is asked under it, which must not be taken."""


def again(carrier: Carrier, other: Shipment, rng: random.Random) -> Going:
    """Ask once more for what was asked under a key hours or days ago; or for another parcel."""
    if carrier.said:
        said = rng.choice(carrier.said)
        if rng.random() < MIXED_UP:
            yield from carrier.reserve(other, 0.6, key=said.key)
        else:
            carrier.say(said)
    yield 0.0
