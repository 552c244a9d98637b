"""A bus with simulated boards of chosen families on its line, on a clock of its own."""

from typing import Any

import msgspec

from fellesskap_edge import bus as b
from fellesskap_edge.bus import Effect, Event
from fellesskap_edge.config import Bank
from fellesskap_edge.locks.driver import DoorReading
from fellesskap_edge.start import lines
from fellesskap_firmware_sim.world import SimulatedLocker
from tests.edge.little_locker import CONFIG, DOORS

STEP_S = 0.002
"""Bytes come in pieces from a real port."""
PORT = "bus"
WIRED = {(bank, channel): number for number, (bank, channel, _) in DOORS.items()}


class WiredLine:
    """The doors of the little locker on banks `a` and `b`, and everything that was heard."""

    def __init__(self, *families: Any) -> None:
        self.now = 0.0
        banks = tuple(
            Bank(name=one.name, family=family, port=PORT, address=one.address, supply=one.supply)
            for one, family in zip(CONFIG.banks, families, strict=True)
        )
        config = msgspec.structs.replace(CONFIG, banks=banks)
        self.world = SimulatedLocker(config)
        self.bus = lines(config)[PORT]
        self.drivers = {name: bank.driver for name, bank in self.bus.banks.items()}
        self.family = {bank.name: bank.family for bank in banks}
        self.said: list[Effect] = []
        self.heard: dict[int, DoorReading] = {}
        self.up = False

    def plug_in(self) -> None:
        """Open the port."""
        self.up = True
        self.give(b.PortUp())

    def give(self, event: Event) -> None:
        """Step the bus, and do what it says."""
        self.bus, effects = b.step(self.bus, event, self.now)
        for effect in effects:
            self.take(effect)

    def take(self, effect: Effect) -> None:
        """Put bytes on the line, remember the rest."""
        if isinstance(effect, b.Write):
            self.world.write_bus(PORT, effect.data, self.now)
            return
        self.said.append(effect)
        if isinstance(effect, b.Sensed):
            for channel, door in effect.doors.items():
                if (effect.bank, channel) in WIRED:
                    self.heard[WIRED[effect.bank, channel]] = door

    def told(self, kind: type[Effect]) -> list[Effect]:
        """What was said of one kind."""
        return [effect for effect in self.said if isinstance(effect, kind)]

    def run(self, seconds: float, fast: float = STEP_S) -> None:
        """Let time go on in small steps, and in great ones where nothing happens."""
        until = self.now + seconds
        while self.now < until:
            happens_at = min(self.world.wake_at, self.bus.wake_at, until)
            self.now = max(self.now + fast, happens_at)
            self.world.advance(self.now)
            if (said := self.world.read_bus(PORT, self.now)) and self.up:
                self.give(b.Received(said))
            if self.bus.wake_at <= self.now:
                self.give(b.Tick())
