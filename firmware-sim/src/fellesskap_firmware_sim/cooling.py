"""Cold compartments: air that warms through walls and open doors, a compressor, a 1-Wire probe.

Sans-I/O, by the doors' own record, so that it does not matter how often one looks. `text` is what
the kernel's w1_therm would write for a probe; `live` puts it into files, a test hands it over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

from fellesskap_edge.config import LockerConfig
from fellesskap_firmware_sim.faults import CoolingFaults
from fellesskap_firmware_sim.plant import Fact

STEP_S = 5.0
SHUT_S, OPEN_S = 10_800.0, 240.0
"""In this time the air goes most of the way (1 - 1/e) to the temperature outside."""
COOLS_C_PER_S = 0.01
SWING_C = 0.75
"""The compressor runs from this much above its setting to this much below."""
AMBIENT_C = 20.0
BELOW_LIMIT_C = 2.5
"""A compressor is set this far under the highest temperature allowed."""
POWER_ON = bytes.fromhex("50 05 4B 46 7F FF 0C 10")
"""What a DS18B20 holds before it measured: 85 degrees (datasheet, figure 7)."""


@dataclass
class Box:
    """The air behind the doors that share one probe; `set_c` is the compressor's setting."""

    compartments: tuple[int, ...]
    set_c: float
    ambient_c: float = AMBIENT_C
    faults: CoolingFaults = field(default_factory=CoolingFaults)
    c: float = 0.0
    at: float | None = None
    runs: bool = False
    open_doors: set[int] = field(default_factory=set)
    facts_seen: int = 0

    def __post_init__(self) -> None:
        self.c = self.set_c

    def advance(self, now: float, facts: Sequence[Fact]) -> None:
        """Let time pass, following the doors."""
        if self.at is None:
            self.at = now
        while self.facts_seen < len(facts) and facts[self.facts_seen].at <= now:
            fact = facts[self.facts_seen]
            self.facts_seen += 1
            if fact.compartment not in self.compartments:
                continue
            if fact.name == "door_opened":
                self._run_to(fact.at)
                self.open_doors.add(fact.compartment)
            elif fact.name == "door_shut":
                self._run_to(fact.at)
                self.open_doors.discard(fact.compartment)
        self._run_to(now)

    def _run_to(self, until: float) -> None:
        """Step by a fixed grid: what is left over is stepped next time."""
        assert self.at is not None
        while self.at + STEP_S <= until:
            self.at += STEP_S
            slowness_s = OPEN_S if self.open_doors else SHUT_S
            self.c += (self.ambient_c - self.c) * STEP_S / slowness_s
            if self.c > self.set_c + SWING_C:
                self.runs = True
            elif self.c < self.set_c - SWING_C:
                self.runs = False
            if self.runs and not self.faults.compressor_failed:
                self.c -= COOLS_C_PER_S * STEP_S


class Cooling:
    """All cold boxes of a locker, by the device of their probe."""

    def __init__(self, config: LockerConfig) -> None:
        self.boxes: dict[str, Box] = {}
        for probe in config.probes:
            lowest, highest = probe.limits(config.features)
            set_c = highest - BELOW_LIMIT_C if highest is not None else (lowest or 0.0) + 1.0
            self.boxes[probe.device] = Box(probe.compartments, set_c)

    def advance(self, now: float, facts: Sequence[Fact]) -> None:
        """Let time pass; `facts` is the plant's whole record."""
        for box in self.boxes.values():
            box.advance(now, facts)

    def texts(self) -> Mapping[str, str | None]:
        """Return what each probe's file says, None where there is none."""
        return {device: text(box) for device, box in self.boxes.items()}


def text(box: Box) -> str | None:
    """Return what `w1_slave` of a box's probe says."""
    fault = box.faults.probe
    said = box.c if box.faults.says_c is None else box.faults.says_c
    if fault == "gone":
        return None
    if fault == "garbage":
        return "\x00\xff 12\n"
    if fault == "line held down":
        return w1_slave(bytes(9))
    if fault == "power-on value":
        return w1_slave(POWER_ON + bytes((crc8(POWER_ON),)))
    if fault == "bad checksum":
        # The second line keeps the last good value, as the kernel's does.
        torn = bytearray(scratchpad(said))
        torn[0] ^= 0x10
        return w1_slave(bytes(torn), kept=scratchpad(said))
    return w1_slave(scratchpad(said))


def scratchpad(celsius: float) -> bytes:
    """Return the nine bytes of a DS18B20 at 12 bits (datasheet, figures 4 and 7)."""
    sixteenths = round(celsius * 16)
    body = sixteenths.to_bytes(2, "little", signed=True)
    body += bytes((0x4B, 0x46, 0x7F, 0xFF, 0x10 - sixteenths % 16, 0x10))
    return body + bytes((crc8(body),))


def w1_slave(read: bytes, kept: bytes | None = None) -> str:
    """Return the two lines that the kernel makes of nine bytes."""
    kept = read if kept is None else kept
    good = "YES" if crc8(read[:8]) == read[8] else "NO"
    milli_c = int(int.from_bytes(kept[:2], "little", signed=True) * 1000 / 16)
    return f"{read.hex(' ')} : crc={crc8(read[:8]):02x} {good}\n{kept.hex(' ')} t={milli_c}\n"


def crc8(data: bytes) -> int:
    """Return the checksum of 1-Wire (Maxim application note 27)."""

    def take(crc: int, byte: int) -> int:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
        return crc

    return reduce(take, data, 0)
