"""A climate of one probe that is stepped, and readings of all kinds, good and bad."""

from datetime import UTC, datetime, timedelta

import msgspec

from fellesskap_edge.chilled import ProbeTable
from fellesskap_edge.climate import Effect, Event, Read, Tick, begin, step
from fellesskap_edge.clock import Instant
from fellesskap_edge.facts import Fact, FactKind
from fellesskap_edge.state import Keep, Record, TemperatureJudged
from fellesskap_firmware_sim.cooling import scratchpad, w1_slave
from fellesskap_protocol.events import Fault, Temperature
from tests.edge.little_locker import CONFIG

GOOD = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
POWER_ON = "50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n"
BAD = {
    "absent": None,
    "bad checksum": GOOD.replace("YES", "NO"),
    "line held down": "00 " * 9 + ": crc=00 YES\n" + "00 " * 9 + "t=0\n",
    "power-on value": POWER_ON,
    "absurd: 93.0 C": GOOD.replace("23125", "93000"),
    "absurd: -55.0 C": "-55000\n",
    "unreadable": GOOD[:60],
}

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
COLD, FROZEN = "28-00000a", "28-00000b"
FEATURES = {1: ("chilled",), 2: ("chilled",), 3: ("frozen",)}
CHILLED = msgspec.structs.replace(
    CONFIG,
    compartments=tuple(
        msgspec.structs.replace(one, features=FEATURES.get(one.number, ()))
        for one in CONFIG.compartments
    ),
    probes=(ProbeTable(COLD, (1,)), ProbeTable(FROZEN, (3,))),
)
ONE = msgspec.structs.replace(CHILLED, probes=CHILLED.probes[:1])


class Watch:
    """A climate that is stepped, on a clock that can be set, with the store its effects make."""

    def __init__(self) -> None:
        self.mono_s = 1000.0
        self.offset = START - timedelta(seconds=1000.0)
        self.facts: dict[tuple[FactKind, str], Fact] = {}
        self.effects: list[Effect] = []
        self.restart()

    @property
    def now(self) -> Instant:
        return Instant(self.mono_s, self.offset + timedelta(seconds=self.mono_s), trusted=True)

    def restart(self, off_s: float = 0.0) -> None:
        self.mono_s += off_s
        self.climate = begin(ONE, self.facts, self.now)

    def give(self, event: Event) -> tuple[Effect, ...]:
        self.climate, effects = step(self.climate, event, self.now)
        for effect in effects:
            if isinstance(effect, Keep):
                self.facts[effect.kind, effect.key] = effect.fact
        self.effects += effects
        return effects

    def wait(self, seconds: float, *, ticks: bool = True) -> None:
        until = self.mono_s + seconds
        while ticks and self.climate.wake_at <= until:
            self.mono_s = max(self.mono_s, self.climate.wake_at)
            self.give(Tick())
        self.mono_s = until

    def hear(self, *temperatures_c: float, every_s: float = 30.0) -> "Watch":
        """Let the probe say these, one after the other."""
        for c in temperatures_c:
            self.wait(every_s)
            self.give(Read(COLD, w1_slave(scratchpad(c))))
        return self

    def hold(self, c: float, seconds: float) -> "Watch":
        return self.hear(*[c] * round(seconds / 30))

    def silence(self, seconds: float) -> "Watch":
        self.wait(seconds)
        return self

    @property
    def figures(self) -> list[Temperature]:
        return [
            effect.event
            for effect in self.effects
            if isinstance(effect, Record) and isinstance(effect.event, Temperature)
        ]

    @property
    def faults(self) -> list[str]:
        return [
            effect.event.what
            for effect in self.effects
            if isinstance(effect, Record) and isinstance(effect.event, Fault)
        ]

    @property
    def judged(self) -> list[TemperatureJudged]:
        return [effect for effect in self.effects if isinstance(effect, TemperatureJudged)]

    @property
    def standings(self) -> list[str]:
        return [one.standing for one in self.judged]
