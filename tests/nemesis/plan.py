"""What the nemesis will do, of one seed. Pure: the same seed, the same plan.

When each step strikes is decided by the world: a kill waits for its moment. What the threads of
people and processes do meanwhile is not of the seed, as in any campaign of real processes.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.nemesis.proxy import Weather

Kind = Literal["edge", "broker", "backend", "database"]
KINDS: tuple[Kind, ...] = ("edge", "broker", "backend", "database")
AIMS: dict[Kind, tuple[frozenset[str], ...]] = {
    "edge": (
        frozenset({"scan"}),
        frozenset({"type_code"}),
        frozenset({"pulse_started"}),
        frozenset({"door_opened"}),
        frozenset({"put_in", "taken_out"}),
        frozenset({"door_shut"}),
        frozenset({"rights"}),
        frozenset({"ack"}),
    ),
    "broker": (
        frozenset({"journal"}),
        frozenset({"ack"}),
        frozenset({"rights"}),
        frozenset({"commands", "birth", "state"}),
    ),
    "backend": (
        frozenset({"reserve"}),
        frozenset({"journal"}),
        frozenset({"ack"}),
        frozenset({"open_door", "cancel"}),
    ),
    "database": (
        frozenset({"reserve"}),
        frozenset({"journal"}),
        frozenset({"look"}),
        frozenset({"open_door", "cancel"}),
    ),
}
"""The moments in which a kill strikes: what people ask, what passes, what a door does."""
JITTER_S_MAX = {"edge": 0.06, "broker": 0.01, "backend": 0.02, "database": 0.015}
"""How long after its moment: about as long as the part is at work on it."""
DOWN_S_MAX = 1.0
INSIDE = 0.8
STOP_S = (0.5, 2.5)
"""Less than people wait for a door, more than any timer of a connection in use."""
WEATHERS: dict[str, Weather] = {
    "loss": Weather(lost=0.3),
    "doubling": Weather(doubled=0.4),
    "delay and reordering": Weather(delayed=0.5, delay_s=0.8, doubled=0.1),
    "slow": Weather(bytes_per_s=2_000),
    "half-open": Weather(mute=True),
    "partition": Weather(still=frozenset({"up", "down"})),
    "one-way up": Weather(still=frozenset({"up"})),
    "one-way down": Weather(still=frozenset({"down"})),
}
CUT = "cut"
CLOCKS_S = (-86_400.0, -3_600.0, 75.0, 3_600.0)
"""How far a locker's wall clock jumps; the day forward would end deposit rights, as it should."""


@dataclass(frozen=True)
class Kill:
    """SIGKILL for a part in a moment, and its start again."""

    part: str
    aim: frozenset[str]
    jitter_s: float
    down_s: float
    inside: bool
    """Strike backend or database when the database is seen in the middle of a transaction."""


@dataclass(frozen=True)
class Stop:
    """SIGSTOP, and SIGCONT after a while."""

    part: str
    for_s: float


@dataclass(frozen=True)
class Wire:
    """Another weather on a line for a while; `CUT` is over at once."""

    line: str
    kind: str
    for_s: float


@dataclass(frozen=True)
class FullDisk:
    """A locker's store cannot grow for a while."""

    locker: str
    for_s: float


@dataclass(frozen=True)
class ClockJump:
    """A locker's wall clock jumps, and is or is not believed to be synchronised from then on."""

    locker: str
    offset_s: float
    synchronised: bool
    for_s: float


Step = Kill | Stop | Wire | FullDisk | ClockJump


def plan(seed: int, kills: int, lockers: Sequence[str], bridge: str) -> list[Step]:
    """Return the steps in order: `kills` of each kind of part, and as many other faults between."""
    chance = random.Random(seed)
    lines = (*lockers, bridge)
    steps: list[Step] = []
    for kind in KINDS:
        for turn in range(kills):
            part = f"edge:{lockers[turn % len(lockers)]}" if kind == "edge" else kind
            aims = AIMS[kind]
            aim = aims[(turn + seed) % len(aims)]
            jitter_s = chance.uniform(0, JITTER_S_MAX[kind])
            down_s, inside = chance.uniform(0, DOWN_S_MAX), chance.random() < INSIDE
            steps.append(Kill(part, aim, jitter_s, down_s, inside))
    parts = [*(f"edge:{one}" for one in lockers), "broker", "backend", "database"]
    for turn in range(max(1, kills // 5)):
        steps += [Wire(chance.choice(lines), kind, chance.uniform(1, 3)) for kind in WEATHERS]
        steps += [Wire(chance.choice(lines), CUT, 0)]
        steps += [Stop(part, chance.uniform(*STOP_S)) for part in parts]
        steps += [FullDisk(locker, chance.uniform(1, 3)) for locker in lockers]
        offset_s = CLOCKS_S[(seed + turn) % len(CLOCKS_S)]
        locker = chance.choice(lockers)
        steps.append(ClockJump(locker, offset_s, chance.random() < 0.5, chance.uniform(2, 6)))
    chance.shuffle(steps)
    return steps
