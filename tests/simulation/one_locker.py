"""One locker in virtual time: the daemon's own `Drive` and journal, simulated hardware, a bad pipe.

One thread, one seed. The drive is the product's; the backend is the few lines that sign rights and
acknowledge journals; the pipe loses, doubles and delays; the daemon is killed at its crash points.
People and couriers act at random. `Checker` judges what happened by journal and plant alone.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from uuid import UUID

from fellesskap_edge.climate import Read
from fellesskap_edge.clock import Instant
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.drive import Drive
from fellesskap_edge.identity import Broker, Identity, Provision
from fellesskap_edge.inbox import (
    CodeTyped,
    Inward,
    LinkDown,
    LinkMessage,
    LinkUp,
    Outward,
    PortBytes,
    PortDown,
    PortUp,
    Publish,
    Tick,
    WritePort,
)
from fellesskap_edge.journal import Journal
from fellesskap_edge.locks.gpio import PinsFailed, ReadPins, SetPin
from fellesskap_edge.parts import Parts
from fellesskap_edge.power import SetPower
from fellesskap_edge.probes import READ_S
from fellesskap_edge.state import Answer, TellCourier
from fellesskap_edge.uplink import Draw
from fellesskap_firmware_sim.plant import Act, Person
from fellesskap_firmware_sim.world import SimulatedLocker
from fellesskap_protocol.codes import locker_key
from fellesskap_protocol.messages import Keys, VerificationKey
from fellesskap_protocol.signing import SigningKey, b64url, seal
from fellesskap_protocol.topics import Kind
from tests.simulation.backend import INSTALLATION, SimulatedBackend
from tests.simulation.checker import Checker
from tests.simulation.unlocks import unlocked
from tests.simulation.world_pins import WorldPins

START = datetime(2026, 11, 23, tzinfo=UTC)
DAY_S = 86_400.0
LOSS, DOUBLE, CRASH_SELDOM = 0.05, 0.05, 0.002
CRASH = {
    "after_commit_before_pulse": 0.03,
    "after_pulse_before_record": 0.03,
    "after_start": 0.01,
    "after_new_epoch": 0.01,
    "after_write": 0.00001,
}
"""The chance to die at a crash point; `after_write` is passed at every poll."""
DELAY_S_MAX = 3.0


class PowerCut(BaseException):
    """The daemon dies here; not an Exception, so that nothing catches it on the way."""


@dataclass
class Tally:
    """What was lived through."""

    parcels: int = 0
    collected: int = 0
    operations: int = 0
    wrong: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    def fault(self, kind: str) -> None:
        """Count one injected fault."""
        self.faults[kind] = self.faults.get(kind, 0) + 1


class World:
    """A locker-world of one seed, in `folder`."""

    def __init__(self, seed: int, config: LockerConfig, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.config = config
        self.now_s = 0.0
        self.tally = Tally()
        self.faulty = True
        self.hardware = SimulatedLocker(config)
        self.on_pins = WorldPins(config, self.hardware)
        self.checker = Checker(self.hardware.plant)
        self._from_pins: deque[Inward] = deque()
        self._number_at = {(one.bank, one.channel): one.number for one in config.compartments}
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._turn = count()
        self._ids = count(1)
        self._path = folder / "journal.sqlite"
        self.said: list[bytes] = []
        """All that the daemon published."""
        self._answers: list[Answer] = []
        self._shown: list[TellCourier] = []
        self._commissioned = True
        self._connected = False
        device = SigningKey(self.rng.randbytes(32))
        root, key = SigningKey(self.rng.randbytes(32)), SigningKey(self.rng.randbytes(32))
        k_locker = locker_key(self.rng.randbytes(32), config.locker.id, 1)
        self.backend = SimulatedBackend(config.locker.id, key, device.public, k_locker)
        keys = Keys(
            iat=int(START.timestamp()),
            iss=INSTALLATION,
            aud=config.locker.id,
            version=1,
            keys=(VerificationKey(kid=key.kid, x=b64url(key.public.raw)),),
            revoked=(),
        )
        provision = Provision(
            installation=INSTALLATION,
            locker_id=config.locker.id,
            device_id="dev-1",
            k_locker=b64url(k_locker),
            k_version=1,
            root_key=b64url(root.public.raw),
            keys=seal(keys, root).decode(),
            broker=Broker("none", 1, "none", "none"),
        )
        self._identity = Identity(device, provision)
        self._boot()
        if config.probes:
            self._read_probes()

    # Time ----------------------------------------------------------------------------------------

    def at(self, due_s: float, act: Callable[[], None]) -> None:
        """Put an act on the agenda."""
        heappush(self._agenda, (due_s, next(self._turn), act))

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Put an act on the agenda, from now."""
        self.at(self.now_s + delay_s, act)

    def run(self, until_s: float) -> None:
        """Live until a time, in seconds since the start."""
        while True:
            due = min(self._agenda[0][0] if self._agenda else until_s, until_s)
            self.now_s = max(self.now_s, min(due, self.hardware.wake_at, self.drive.wake_at))
            if self.now_s >= until_s:
                return
            self._hardware()
            while self._agenda and self._agenda[0][0] <= self.now_s:
                heappop(self._agenda)[2]()
            self.give(Tick())

    @property
    def instant(self) -> Instant:
        """What the machine's clocks say."""
        return Instant(self.now_s, START + timedelta(seconds=self.now_s), trusted=True)

    def _hardware(self) -> None:
        self.hardware.advance(self.now_s)
        for port in sorted(self.hardware.ports):
            if said := self.hardware.read_bus(port, self.now_s):
                self.give(PortBytes(port, said))
        if said := self.hardware.read_scanner(self.now_s):
            self.give(PortBytes(self.config.scanner.port, said))
        for edge in self.on_pins.edges(self.now_s):
            self.give(edge)

    def _read_probes(self) -> None:
        for device, text in self.hardware.read_probes(self.now_s).items():
            self.give(Read(device, text))
        self.after(READ_S, self._read_probes)

    # The daemon ----------------------------------------------------------------------------------

    def give(self, event: Inward) -> None:
        """Drive one event; a power cut on the way ends this life and begins the next."""
        try:
            self.drive.drive(event, self.instant)
        except PowerCut:
            self._died(self.drive.parts.journal)
            self._boot()
        self.checker.look(self.drive.parts.journal)
        if self._from_pins:
            self.give(self._from_pins.popleft())

    def _died(self, journal: Journal) -> None:
        self.tally.fault("process")
        journal.close()
        self._from_pins.clear()
        self.on_pins.let_go(self.now_s)

    def _boot(self) -> None:
        while True:
            journal = self._open_journal()
            try:
                self._start(journal)
            except PowerCut:
                self._died(journal)
            else:
                return

    def _start(self, journal: Journal) -> None:
        self._connected = False
        boot_id = f"boot-{next(self._ids)}"
        parts = Parts(
            config=self.config,
            identity=self._identity,
            journal=journal,
            boot_id=boot_id,
            new_id=lambda: str(UUID(int=next(self._ids))),
            draw=lambda: Draw(f"{self.rng.getrandbits(128):032x}", self.rng.random()),
            perform=self._perform,
            crash_at=self._crash_at,
        )
        self.drive = Drive(parts, self.instant, commissioned=self._commissioned)
        self._commissioned = False
        self.checker.rebooted()
        for port in (*sorted(self.hardware.ports), self.config.scanner.port):
            self.give(PortUp(port))
        self.after(self.rng.uniform(0.1, 5), self._connect)

    def _open_journal(self) -> Journal:
        return Journal(self._path)

    def _crash_at(self, point: str) -> None:
        if self.faulty and self.rng.random() < CRASH.get(point, CRASH_SELDOM):
            raise PowerCut

    def _perform(self, effect: Outward) -> None:
        match effect:
            case WritePort(port, data):
                self._coil_asked(unlocked(self.config, port, data))
                self.hardware.write_bus(port, data, self.now_s)
            case SetPin(bank, channel, on):
                self._coil_asked(self._number_at[bank, channel] if on else None)
                if failed := self.on_pins.set(effect, self.now_s):
                    self._from_pins.append(failed)
            case ReadPins(bank):
                self._from_pins.append(self.on_pins.read(bank, self.now_s))
            case SetPower(bank, on):
                self.hardware.set_power(bank, self.now_s, on=on)
            case Publish(kind, payload) if self._connected:
                self.said.append(payload)
                self._carry(lambda: self._to_backend(kind, payload))
            case Answer():
                self._answers.append(effect)
            case TellCourier():
                self._shown.append(effect)

    def _coil_asked(self, number: int | None) -> None:
        if number is not None:
            self.checker.coil_asked(number, self.drive_journal(), self.now_s)

    def drive_journal(self) -> Journal:
        """Return the journal in use."""
        return self.drive.parts.journal

    # The pipe ------------------------------------------------------------------------------------

    def _carry(self, deliver: Callable[[], None]) -> None:
        if self.faulty and self.rng.random() < LOSS:
            self.tally.fault("wire lost")
            return
        for _ in range(2 if self.rng.random() < DOUBLE else 1):
            self.after(self.rng.uniform(0.001, DELAY_S_MAX) ** 2 / DELAY_S_MAX, deliver)

    def _to_backend(self, kind: Kind, payload: bytes) -> None:
        for answer_kind, answer in self.backend.hear(kind, payload, self.instant.wall):
            self.to_edge(answer_kind, answer)

    def to_edge(self, kind: Kind, payload: bytes) -> None:
        """Send something to the locker, if the pipe lets it."""

        def deliver() -> None:
            if self._connected:
                self.give(LinkMessage(kind, payload, retained=False))

        self._carry(deliver)

    def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            self.give(LinkUp())

    def partition(self, length_s: float) -> None:
        """Cut the network for a while."""
        self.tally.fault("partition")
        self._connected = False
        self.give(LinkDown())
        self.after(length_s, self._connect)

    def unplug(self, length_s: float) -> None:
        """Pull the plug of a lock bus for a while, or take the pins of a bank away."""
        what = self.rng.choice([*sorted(self.hardware.ports), *sorted(self.hardware.pins)])
        if what in self.hardware.pins:
            self.tally.fault("pins")
            self.on_pins.broken.add(what)
            self.on_pins.let_go(self.now_s)
            self.give(PinsFailed(what))
            self.after(length_s, lambda: self.on_pins.broken.discard(what))
            return
        self.tally.fault("board")
        self.give(PortDown(what))
        self.after(length_s, lambda: self.give(PortUp(what)))

    # People --------------------------------------------------------------------------------------

    def scan(self, label: str) -> None:
        """Hold a label before the scanner."""
        self._shown.clear()
        self.hardware.scan(label, self.now_s)

    def shown(self) -> TellCourier | None:
        """Return what the courier is shown since the scan."""
        return self._shown[-1] if self._shown else None

    def wait_by(self, act: Act, compartment: int) -> None:
        """Let somebody wait by a door for half a minute, act when it opens, and shut it."""
        person = Person(act, compartment, open_s=self.rng.uniform(2.1, 20))
        self.hardware.plant.person(person, self.now_s)
        self.after(30, lambda: self.hardware.plant.leave(person))

    def shut_what_stands_open(self) -> None:
        """A passer-by shuts the doors at which nobody is."""
        for number in self.hardware.plant.unattended:
            self.hardware.plant.shut(number, self.now_s)

    def type_code(self, code: str) -> Answer | None:
        """Type a code at the kiosk; None if the daemon died over it."""
        self._answers.clear()
        self.give(CodeTyped(code, f"ticket-{next(self._ids)}"))
        return self._answers[0] if self._answers else None
