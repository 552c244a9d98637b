"""How many parcels a fast hand puts in by scan in a minute; a supply allows 120.

Everything is real but the hand and the boards: it takes the next label as soon as it has shut the
door before, and the locker opens when it has seen that. One supply, then three, whose doors are
numbered in turn. Nothing is collected meanwhile: every lock is cold, no door is used twice. An 8A
pulses for 300 ms and its supply rests for 500 ms after it, which is 75 a minute; with more supplies
it is the hand and the two polls that must have read its door shut.
"""

import time
from pathlib import Path

from tests.bench.figures import Figure, figure, progress
from tests.bench.offline import LOCKER_ID, grant, label
from tests.bench.watch import Watch
from tests.system.house import Locker, locker_toml

SUPPLIES = 3
OPEN_S = 0.2
"""How long the fast hand lets a door stand open."""
PER_SUPPLY = 120
"""What a supply could do at a coil every 500 ms."""


def measure(folder: Path, samples: int) -> list[Figure]:
    """Deposit on one supply and on several; return the deposits a minute."""
    one = _per_minute(folder / "one", 1, samples)
    many = _per_minute(folder / "many", SUPPLIES, samples)
    return [
        figure("edge.deposits_per_min", one, "1/min", PER_SUPPLY),
        figure(f"edge.deposits_per_min_{SUPPLIES}_supplies", many, "1/min", PER_SUPPLY * SUPPLIES),
    ]


def _per_minute(folder: Path, supplies: int, samples: int) -> float:
    """Return deposits a minute, from the first pulse to the last."""
    locker = Locker(folder / LOCKER_ID, _toml(supplies, doors=samples))
    try:
        grant(folder, locker, soft=0, hard=samples)
        locker.start()
        watch = Watch(locker.hardware)
        watch.quiet(0.0)
        pulses = []
        begun = time.monotonic()
        for number in progress(range(samples), f"edge: deposits, supplies: {supplies}", samples):
            locker.hardware.person("put_in", open_s=OPEN_S)
            locker.hardware.scan(label(number))
            pulses.append(watch.after("pulse_started", begun))
            begun = watch.after("door_shut", pulses[-1])
        return (samples - 1) * 60 / (pulses[-1] - pulses[0])
    finally:
        locker.stop()


def _toml(supplies: int, doors: int) -> str:
    """Write the wiring of a board a supply, all doors alike."""
    parts = [locker_toml(LOCKER_ID, doors=0, supplies=supplies)]
    for number in range(1, doors + 1):
        channel, bank = divmod(number - 1, supplies)
        parts.append(
            f'[[compartment]]\nnumber = {number}\nbank = "{chr(ord("a") + bank)}"\n'
            f"channel = {channel + 1}\nwidth_mm = 440\nheight_mm = 110\ndepth_mm = 600\n"
            "floor_mm = 400\ntop_mm = 510\nmax_g = 20000\n"
        )
    return "\n".join(parts)
