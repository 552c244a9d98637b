"""A relay welds, and a locker cuts the power of its bank until somebody has seen to it."""

import random
from collections.abc import Callable

from tests.judge import history
from tests.simulation.cabinet import Cabinet
from tests.simulation.weather_boards import HOUR_S, NOTICES_S
from tests.simulation.world import Going, World

WAITS_S, LOOKS_S = 6 * HOUR_S, 2.0
"""How long it may be before a door of such a bank is opened, and how often one looks."""


class _Weld:
    """Lets the next relay that is switched on stay on."""

    def __init__(self, world: World, cabinet: Cabinet) -> None:
        banks = {bank.name for bank in cabinet.config.banks if bank.power_pin is not None}
        self._world, self._cabinet = world, cabinet
        self.doors = {one.number: one for one in cabinet.config.compartments if one.bank in banks}
        self.over: Callable[[], None] | None = None
        """Tells that it is over, once it has begun."""
        self._number = 0

    def watch(self, record: history.AnyRecord) -> None:
        """Take in what moves."""
        match record:
            case history.Coil(locker=name, on=True) if name == self._cabinet.locker_id:
                if record.compartment in self.doors and not self._number:
                    self._number = record.compartment
                    self.weld(self.doors[self._number].channel)
                    self._world.after(0.0, self._tell)

    def weld(self, channel: int) -> None:
        """Let a relay stay on; 0: none."""
        for bank in {one.bank for one in self.doors.values()}:
            self._cabinet.hardware.boards[bank].faults.welded = channel

    def _tell(self) -> None:
        where = f"{self._cabinet.locker_id}/{self._number}"
        self.over = self._world.chronicle.lasting("board", "relay_welded", where)


def welded(world: World, cabinet: Cabinet, rng: random.Random) -> Going:
    """A relay stays on; an hour or two later its board is changed for another.

    Only a start that finds every relay off gives the power back, or the technician's key.
    """
    weld, until_s = _Weld(world, cabinet), world.now_s + WAITS_S
    world.chronicle.watchers.append(weld.watch)
    while weld.over is None and world.faulty and world.now_s < until_s:
        yield LOOKS_S
    world.chronicle.watchers.remove(weld.watch)
    if weld.over is None:
        return
    yield NOTICES_S
    fault = {"layer": "board", "kind": "no power", "where": cabinet.locker_id}
    keeps = {"compartments": tuple(weld.doors)}
    world.chronicle.note(history.Fault, state="begun", **fault, **keeps)
    yield rng.uniform(0.1, 2) * HOUR_S
    world.chronicle.fault("process", "killed", f"edge:{cabinet.locker_id}")
    cabinet.kill()
    weld.weld(0)
    yield rng.uniform(5, 60)
    world.chronicle.note(history.Fault, state="over", **fault, **keeps)
    cabinet.boot()
    yield 30.0
    weld.over()
