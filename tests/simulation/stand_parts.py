"""A locker on a test stand: the daemon's own `Drive` and journal, simulated boards, by hand.

Virtual time moves only when the test says so. The stand is what surrounds a drive on a Pi: serial
adapters and pins, the machine's clocks, power, a connection; a `Witness` is told what happened.
"""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf, nextafter
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from fellesskap_edge import climate
from fellesskap_edge import inbox as rim
from fellesskap_edge.clock import Instant
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.drive import Drive
from fellesskap_edge.journal import Journal
from fellesskap_edge.locks.gpio import PULSE_S_MAX, PinEdge, PinLevels, PinsFailed, ReadPins, SetPin
from fellesskap_edge.parts import Parts
from fellesskap_edge.power import SetPower
from fellesskap_edge.probes import READ_S
from fellesskap_edge.state import Answer, TellCourier, WarnOfTemperature
from fellesskap_edge.uplink import Draw
from fellesskap_firmware_sim.world import SimulatedLocker
from fellesskap_protocol.topics import Kind
from tests.simulation.installed import provisioned
from tests.simulation.one_locker import PowerCut
from tests.simulation.unlocks import unlocked

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
STEP_MAX = timedelta(seconds=60)
"""A clock that was set by more is not believed any more in this boot."""
ADAPTER_S = 0.016
"""How often a serial adapter hands over what it heard (FTDI's default latency timer)."""
RESTART_S = 1.0
LOOK_S = 0.25
"""How often somebody who waits looks at the door."""
SETTLES_S = 0.75
"""A door that was shut is known to be shut."""
SPINS_MAX = 5000
"""So many turns at one moment are a loop without end."""


class Witness:
    """Somebody who sees the stand from outside."""

    def coil_asked(self, number: int) -> None:
        """A frame or a pin is about to switch a coil on."""

    def looked(self) -> None:
        """The daemon has taken something in, or died of it."""

    def booted(self) -> None:
        """A daemon was started."""


class MortalJournal(Journal):
    """The journal of a machine that may lose its power around a commit."""

    passing: Callable[[str], None] = staticmethod(lambda _point: None)

    def commit(self, *args: Any, **kwargs: Any) -> None:
        self.passing("before_commit")
        super().commit(*args, **kwargs)
        self.passing("after_commit")


class Bench:
    """One locker; `pipe` is given what it publishes while it is connected."""

    def __init__(self, config: LockerConfig, folder: Path, *, wall: datetime = START) -> None:
        self.config = config
        self.identity = provisioned(config.locker.id)
        """Who the locker is; another installation may have provisioned it."""
        self.now_s = 0.0
        self.offset = wall - START
        """How wrong the machine's wall clock is."""
        self.ntp = True
        """Whether the kernel says that its clock is right, when it is."""
        self._synchronised = self._stepped = False
        self.mono_base_s = 0.0
        self.hardware = SimulatedLocker(config)
        self.plant = self.hardware.plant
        self.witness = Witness()
        self.pipe: Callable[[Kind, bytes], None] = lambda _kind, _payload: None
        self.connected = False
        self.doom: tuple[str, int] | None = None
        """Where the daemon dies next: a point (or `any`), at the n-th time that it passes there."""
        self.lives: list[tuple[float, float]] = []
        """When a daemon ran; the last one ends at infinity."""
        self.bases: dict[str, float] = {}
        """What a boot's monotonic clock began at, in seconds of the stand."""
        self.stalls: list[tuple[float, float]] = []
        self.reached: list[tuple[float, str, bool | None]] = []
        """When which bank could be reached; None: perhaps."""
        self.key_turns: list[tuple[float, bool]] = []
        """When the technician's key was turned on or off."""
        self.heard_c: list[tuple[float, float | None]] = []
        """What a probe said when it was read; None: nothing that is a temperature."""
        self.answers: list[Answer] = []
        self.shown: list[TellCourier] = []
        self.warned: list[int] = []
        """Whose opening came with a word about its temperature."""
        self.copy = b""
        """The store as it was when somebody copied the card."""
        self.pins_fail = False
        self.unplugged: set[str] = set()
        self.lag_s = 0.0
        """How long an adapter gathers what it hears before it hands it over: 0, in pieces."""
        self.drive: Drive | None = None
        self._path = folder / "journal.sqlite"
        self._ids, self._turns, self._draws = count(1), count(), count(1)
        self.new_id: Callable[[], str] = lambda: str(UUID(int=next(self._ids)))
        self.draw: Callable[[], Draw] = lambda: Draw(f"{next(self._draws):032x}", 0.5)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._posted: deque[rim.Inward] = deque()
        self._levels: dict[int, bool] = {}
        self._guards: dict[int, float] = {}
        self._read_at = self._hardware_due = -inf
        self._number_at = {(one.bank, one.channel): one.number for one in config.compartments}
        self._unlocks = partial(unlocked, config)
        self._pins = {bank.name: bank for bank in config.banks if bank.family == "gpio"}

    # Time ----------------------------------------------------------------------------------------

    @property
    def wall(self) -> datetime:
        """The true time."""
        return START + timedelta(seconds=self.now_s)

    @property
    def instant(self) -> Instant:
        """What the machine's clocks say."""
        trusted = self._synchronised and not self._stepped
        return Instant(self.now_s - self.mono_base_s, self.wall + self.offset, trusted)

    def set_clock(self, offset: timedelta) -> None:
        """Set the wall clock of the machine."""
        self._stepped |= abs(offset - self.offset) > STEP_MAX
        self.offset = offset

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something later."""
        heappush(self._agenda, (self.now_s + delay_s, next(self._turns), act))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until, spins, last = self.now_s + seconds, 0, -1.0
        while (due := self._due()) <= until:
            self.now_s = max(self.now_s, due)
            spins = spins + 1 if self.now_s == last else 0
            assert spins < SPINS_MAX, "the drive goes round and round"
            last = self.now_s
            self._turn()
        self.now_s = until
        self.hardware.advance(until)

    def stall(self, seconds: float) -> None:
        """Let time pass while the daemon does not run: a busy machine, a slow disk."""
        until = self.now_s + seconds
        self.stalls.append((self.now_s, until))
        while self._guards and min(self._guards.values()) <= until:
            self._cut(min(self._guards.values()))
        self.now_s = until
        self.hardware.advance(until)

    def _due(self) -> float:
        if self._posted:
            return self.now_s
        self._hardware_due = self.hardware.wake_at
        heard_at = max(self._hardware_due + self.lag_s, self._read_at + ADAPTER_S)
        times = [heard_at, *self._guards.values()]
        if self._agenda:
            times.append(self._agenda[0][0])
        if self.drive is not None:
            times.append(self._wakes_at())
        return min(times)

    def _wakes_at(self) -> float:
        """When the daemon wants a tick, in seconds of the stand."""
        assert self.drive is not None
        return self._of_mono(self.drive.wake_at)

    def _of_mono(self, mono_s: float) -> float:
        """The first moment at which the machine's clock says so: sums are rounded."""
        at_s = mono_s + self.mono_base_s
        while at_s - self.mono_base_s < mono_s:
            at_s = nextafter(at_s, inf)
        return at_s

    def _turn(self) -> None:
        if self._guards:
            self._cut(self.now_s)
        came = self._heard() if self._hardware_due <= self.now_s else []
        self.hardware.advance(self.now_s)
        while self._agenda and self._agenda[0][0] <= self.now_s:
            heappop(self._agenda)[2]()
        came += self._posted
        self._posted.clear()
        for event in came:
            self.give(event)
        if not came and self.drive is not None and self._wakes_at() <= self.now_s:
            self.give(rim.Tick())

    def _heard(self) -> list[rim.Inward]:
        """What the adapters hand over."""
        self.hardware.advance(self.now_s)
        self._read_at = self.now_s
        came: list[rim.Inward] = []
        for port in sorted(self.hardware.ports):
            said = self.hardware.read_bus(port, self.now_s)
            if said and port not in self.unplugged:
                came.append(rim.PortBytes(port, said))
        said = self.hardware.read_scanner(self.now_s)
        if said and self.config.scanner.port not in self.unplugged:
            came.append(rim.PortBytes(self.config.scanner.port, said))
        for name, bank in self._pins.items():
            levels = self.hardware.pins[name].levels(self.now_s)
            if any(self._levels.get(pin) != levels[pin] for pin in levels):
                came.append(PinEdge(bank.name))
            self._levels |= levels
        return came

    # The daemon ----------------------------------------------------------------------------------

    def boot(self) -> Self:
        """Start a daemon; one that dies while it starts is started again."""
        self._synchronised, self._stepped = self.ntp and abs(self.offset) <= STEP_MAX, False
        commissioned = not self.lives
        self._heard()  # what was said while nobody listened is lost
        while self.drive is None:
            boot_id = f"boot-{next(self._ids)}"
            self.bases[boot_id] = self.mono_base_s
            self.lives.append((self.now_s, inf))
            self.journal = self._open_journal()
            parts = Parts(
                config=self.config,
                identity=self.identity,
                journal=self.journal,
                boot_id=boot_id,
                new_id=self.new_id,
                draw=self.draw,
                perform=self._perform,
                crash_at=self._passing,
            )
            try:
                self.drive = Drive(parts, self.instant, commissioned=commissioned)
            except PowerCut:
                self._died()
        self.witness.booted()
        for port in (*sorted(self.hardware.ports), self.config.scanner.port):
            if port not in self.unplugged:
                self.give(rim.PortUp(port))
        if self.config.probes:
            self._read_probes(len(self.lives))
        return self

    def _open_journal(self) -> Journal:
        journal = MortalJournal(self._path)
        journal.passing = self._passing
        return journal

    def _read_probes(self, life: int) -> None:
        """Give what the probes say, now and for as long as this daemon lives."""
        if self.drive is None or life != len(self.lives):
            return
        for device, said in self.hardware.read_probes(self.now_s).items():
            faults = self.hardware.cooling.boxes[device].faults
            self.heard_c.append((self.now_s, None if faults.probe else faults.says_c))
            self.give(climate.Read(device, said))
        self.after(READ_S, lambda: self._read_probes(life))

    def kill(self) -> None:
        """End the daemon at once."""
        if self.drive is not None:
            self._died()

    def cut_power(self) -> None:
        """Take the mains away: the computer, the boards and every coil."""
        self.kill()
        self.plant.power_lost(self.now_s)

    def power_back(self) -> None:
        """Give power back and start; the monotonic clock of a computer begins anew."""
        self.plant.power_back(self.now_s)
        self.mono_base_s = self.now_s - 20.0
        self.boot()

    def _passing(self, point: str) -> None:
        if point == "before_new_epoch":
            self.witness.looked()  # what comes before it is set aside
        if self.doom is None or self.doom[0] not in (point, "any"):
            return
        self.doom = (self.doom[0], self.doom[1] - 1)
        if self.doom[1] <= 0:
            self.doom = None
            raise PowerCut

    def _died(self) -> None:
        self.drive = None
        self.connected = False
        self.journal.close()
        self.lives[-1] = (self.lives[-1][0], self.now_s)
        self._posted.clear()
        self._guards.clear()
        for bank in self.hardware.pins.values():
            bank.abandoned(self.now_s)
        for enable in self.hardware.enables.values():
            enable.abandoned(self.now_s)

    def give(self, event: rim.Inward) -> None:
        """Drive one event; a daemon that dies of it is started again by systemd."""
        if self.drive is None:
            return
        try:
            self.drive.drive(event, self.instant)
        except PowerCut:
            self._died()
            self.after(RESTART_S, self._restart)
        self.witness.looked()

    def _restart(self) -> None:
        if self.drive is None:
            self.boot()

    def _perform(self, effect: rim.Outward) -> None:
        self._passing("effect")
        match effect:
            case rim.WritePort(port, data):
                number = self._unlocks(port, data)
                if number is not None:
                    self.witness.coil_asked(number)
                self.hardware.write_bus(port, data, self.now_s)
            case SetPin(bank, channel, on):
                self._set(bank, channel, on=on)
            case SetPower(bank, on):
                self.hardware.set_power(bank, self.now_s, on=on)
            case ReadPins(bank):
                self._posted.append(self._read(bank))
            case rim.Publish(kind, payload) if self.connected:
                self.pipe(kind, payload)
            case Answer():
                self.answers.append(effect)
            case TellCourier():
                self.shown.append(effect)
            case WarnOfTemperature():
                self.warned.append(effect.compartment)

    # Pins ----------------------------------------------------------------------------------------

    def _read(self, bank: str) -> PinLevels | PinsFailed:
        if self.pins_fail:
            return PinsFailed(bank)
        levels = self.hardware.pins[bank].levels(self.now_s)
        doors = enumerate(self._pins[bank].door_pins, start=1)
        return PinLevels(bank, {channel: levels[pin] for channel, pin in doors})

    def _set(self, bank: str, channel: int, *, on: bool) -> None:
        pin = self._pins[bank].lock_pins[channel - 1]
        self._guards.pop(pin, None)
        if on and self.pins_fail:
            self._posted.append(PinsFailed(bank))
            return
        if on:
            self.witness.coil_asked(self._number_at[bank, channel])
            self._guards[pin] = self.now_s + PULSE_S_MAX
        level = self._pins[bank].active_high is on
        self.hardware.drive_pin(pin, level, self.now_s)

    def _cut(self, now_s: float) -> None:
        """The guard of `pins`: a thread of its own ends what the drive left on."""
        for pin, due_s in list(self._guards.items()):
            if due_s <= now_s:
                del self._guards[pin]
                self.hardware.drive_pin(pin, None, due_s)

    # What can be reached -------------------------------------------------------------------------

    def reachable(self, bank: str) -> bool:
        """Say whether a bank can be reached at this moment."""
        if bank in self._pins:
            return not self.pins_fail
        port = next(one.port for one in self.config.banks if one.name == bank)
        return not self.hardware.boards[bank].faults.silent and port not in self.unplugged

    def _note_reach(self, *banks: str) -> None:
        self.reached.extend((self.now_s, bank, self.reachable(bank)) for bank in banks)
