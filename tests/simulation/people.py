"""Couriers, residents, vandals and the weather of one locker, at random but plausible."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from fellesskap_edge.config_check import load
from fellesskap_protocol.events import Collected
from tests.simulation.world import DAY_S, World
from tests.system.house import locker_toml

PARCELS_PER_DAY = 24
VANDALS_PER_DAY = 12
PARTITIONS_PER_DAY, UNPLUGGED_PER_DAY = 4, 2
HOUR_S = 3600.0
ON_PINS = """
[[bank]]
name = "p"
family = "gpio"
supply = "psu-p"
lock_pins = [17, 27, 22, 23]
door_pins = [5, 6, 13, 19]
active_high = false
"""
DOORS_ON_BOARD, DOORS_ON_PINS = 20, 4
SETTLE_S = 36 * HOUR_S
"""Once faults stop and nobody new comes, everything must be done within this."""


@dataclass
class Verdict:
    """What one world showed."""

    seed: int
    days: float
    parcels: int
    collected: int
    operations: int
    on_pins: int
    """Those of doors on pins."""
    wrong: int
    faults: dict[str, int]
    breaks: list[str]
    history: list[str] = field(default_factory=list)


class People:
    """Everybody who comes to the locker."""

    def __init__(self, world: World, days: float) -> None:
        self.world = world
        self._end_s = days * DAY_S
        self._number = 0
        for per_day, come in (
            (PARCELS_PER_DAY, self._announce),
            (VANDALS_PER_DAY, self._vandal),
            (PARTITIONS_PER_DAY, lambda: world.partition(world.rng.uniform(10, 2 * HOUR_S))),
            (UNPLUGGED_PER_DAY, lambda: world.unplug(world.rng.uniform(5, 600))),
            (DAY_S / 300, world.shut_what_stands_open),
        ):
            self._again(per_day, come)

    def _again(self, per_day: float, come: Callable[[], None]) -> None:
        """Let something come at random times until the last day is over."""

        def act() -> None:
            if self.world.faulty or come == self.world.shut_what_stands_open:
                come()
            self.world.after(self.world.rng.expovariate(per_day / DAY_S), act)

        self.world.after(self.world.rng.expovariate(per_day / DAY_S), act)

    def _announce(self) -> None:
        """A carrier reserves; the backend sends the right; a courier comes within hours."""
        world, rng = self.world, self.world.rng
        self._number += 1
        number, label = self._number, f"PARCEL-{self._number:06d}"
        code = f"{rng.getrandbits(40) % 10**12:012d}"
        world.backend.claim(number, label, code)
        for kind, message in world.backend.change(world.backend.revision - 1, world.instant.wall):
            world.to_edge(kind, message)
        world.after(rng.uniform(60, 8 * HOUR_S), lambda: self._courier(number, label, code, 0))

    def _courier(self, number: int, label: str, code: str, tries: int) -> None:
        """Scan; put the parcel in where the screen says; come back if it did not work."""
        world = self.world
        world.scan(label)

        def look() -> None:
            told = world.shown()
            if told is not None and told.outcome == "opens" and told.compartment is not None:
                world.wait_by("put_in", told.compartment)
            world.after(60, lambda: self._after_deposit(number, label, code, tries))

        world.after(0.2, look)

    def _after_deposit(self, number: int, label: str, code: str, tries: int) -> None:
        world = self.world
        if f"parcel-{number:06d}" in world.checker.deposited:
            world.tally.parcels += 1
            delay_s = world.rng.uniform(300, 30 * HOUR_S)
            world.after(delay_s, lambda: self._resident(number, code))
        elif tries < 20:
            delay_s = world.rng.uniform(300, 3 * HOUR_S)
            world.after(delay_s, lambda: self._courier(number, label, code, tries + 1))

    def _resident(self, number: int, code: str) -> None:
        """Type the code (all of it, if asked); take the parcel; try again later if need be."""
        world = self.world
        if f"parcel-{number:06d}" in world.checker.collected:
            world.tally.collected += 1
            return
        answer = world.type_code(code[:8])
        if answer is not None and answer.outcome == "long_code_needed":
            answer = world.type_code(code)
        if answer is not None and answer.outcome == "refused":
            if f"parcel-{number:06d}" not in world.checker.collected:
                world.checker.breaks.append(f"I12 a good code was refused for parcel {number}")
            return
        if answer is not None and answer.outcome == "opens" and answer.compartment is not None:
            world.wait_by("take_out", answer.compartment)
        world.after(world.rng.uniform(60, 1800), lambda: self._resident(number, code))

    def _vandal(self) -> None:
        world = self.world
        world.tally.wrong += 1
        if world.rng.random() < 0.5:
            world.type_code(f"{world.rng.getrandbits(40) % 10**8:08d}")
        else:
            world.scan(f"FOREIGN-{world.rng.getrandbits(32):08x}")


def standard_locker() -> str:
    """Write a locker of an 8A board and a bank on pins, whose doors are a little narrower.

    The narrower is given first, so that the pins are in use every day.
    """
    narrow = "".join(
        f'[[compartment]]\nnumber = {DOORS_ON_BOARD + channel}\nbank = "p"\n'
        f"channel = {channel}\nwidth_mm = 400\nheight_mm = 110\ndepth_mm = 600\n"
        f"floor_mm = {300 + 120 * channel}\ntop_mm = {410 + 120 * channel}\nmax_g = 20000\n"
        for channel in range(1, DOORS_ON_PINS + 1)
    )
    return locker_toml("sim-1", DOORS_ON_BOARD) + ON_PINS + narrow


def live(seed: int, days: float) -> Verdict:
    """Live one world of a seed and judge it."""
    with TemporaryDirectory(prefix="fellesskap-sim-", dir=_memory()) as name:
        folder = Path(name)
        (folder / "locker.toml").write_text(standard_locker())
        world = World(seed, load(folder / "locker.toml"), folder)
        People(world, days)
        world.run(days * DAY_S)
        world.faulty = False
        world.run(days * DAY_S + SETTLE_S)
        return _verdict(world, seed, days)


def _memory() -> str | None:
    """Keep the journals in memory if the machine has room for it: power cuts are not this test."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _verdict(world: World, seed: int, days: float) -> Verdict:
    journal = world.drive.parts.journal
    breaks = list(world.checker.breaks)
    if len(world.backend.events) != journal.head_seq:
        breaks.append(f"I7 {len(world.backend.events)} of {journal.head_seq} events recorded")
    left = world.checker.deposited - world.checker.collected
    if left:
        breaks.append(f"liveness: not collected: {sorted(left)}")
    journal.close()
    return Verdict(
        seed=seed,
        days=days,
        parcels=world.tally.parcels,
        collected=sum(isinstance(event, Collected) for event in world.backend.events),
        operations=len(world.hardware.plant.pulses),
        on_pins=sum(one.compartment > DOORS_ON_BOARD for one in world.hardware.plant.pulses),
        wrong=world.tally.wrong,
        faults=world.tally.faults,
        breaks=breaks,
        history=[f"{event}" for event in world.backend.events],
    )
