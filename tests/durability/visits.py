"""A locker in virtual time whose daemon dies where a test wants it, and people who come back.

The drive, the journal and the boards are `tests.simulation.one_locker`'s; the pipe is a good one.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fellesskap_edge.config import LockerConfig
from fellesskap_edge.config_check import load
from fellesskap_edge.door import State
from fellesskap_edge.inbox import KeyPressed, Outward, PortDown, Publish, WritePort
from fellesskap_edge.journal import Journal
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import Answer, WarnOfTemperature
from fellesskap_protocol.events import NotOpened, Pulsed, Service
from fellesskap_protocol.messages import Command, CommandKind, Right, decode
from fellesskap_protocol.messages import State as Told
from fellesskap_protocol.signing import seal
from tests.durability.ledger import Ledger
from tests.simulation.one_locker import PowerCut, World
from tests.system.house import locker_toml

UNLOCK = 0x8A
TRIES_MAX = 8
Open = Callable[[Path], Journal]


class Visits(World):
    """One locker, `seed` its chance; `open_journal` opens its store, `config` is its wiring."""

    backend: Ledger

    def __init__(
        self,
        seed: int,
        folder: Path,
        open_journal: Open = Journal,
        config: LockerConfig | None = None,
    ) -> None:
        self.doom: tuple[str, int] | None = None
        """The crash point to die at, and at which of its passes from now on."""
        self.passed: Counter[str] = Counter()
        self.stood: set[State] = set()
        """The states in which doors stood when a point was passed."""
        self.deaths = 0
        self.down_s = 0.0
        """How long the next outage of the machine lasts."""
        self.dead: Callable[[], bool] = lambda: False
        self.power_up: Callable[[], None] = lambda: None
        self.states: list[Told] = []
        self.unlocks = 0
        self.warned: set[int] = set()
        """The doors at which somebody was told that it was too warm there."""
        self._open_store = open_journal
        (folder / "locker.toml").write_text(locker_toml("sim-1"))
        super().__init__(seed, config or load(folder / "locker.toml"), folder)
        self.faulty = False
        device = self._identity.key.public
        k_locker = self._identity.k_locker
        self.backend = Ledger(self.config.locker.id, self.backend.key, device, k_locker)

    # The machine -------------------------------------------------------------------------------

    def _open_journal(self) -> Journal:
        return self._open_store(self._path)

    def _died(self, journal: Journal) -> None:
        self.deaths += 1
        super()._died(journal)
        self.power_up()
        self.revive()

    def revive(self) -> None:
        """What happens while the machine is down: the hardware and the people go on."""
        self.now_s += self.down_s
        self.down_s = 0.0
        self.hardware.advance(self.now_s)
        for port in self.hardware.ports:
            self.hardware.read_bus(port, self.now_s)
        self.hardware.read_scanner(self.now_s)

    def give(self, event: Any) -> None:
        """Drive one event; count and survive a death."""
        try:
            self.drive.drive(event, self.instant)
            if self.dead():
                raise PowerCut  # noqa: TRY301
        except PowerCut:
            self._died(self.drive.parts.journal)
            self._boot()
        self.checker.look(self.drive.parts.journal)
        if self._from_pins:
            self.give(self._from_pins.popleft())

    def restart(self) -> None:
        """Stop in good order and start again."""
        self.drive.parts.journal.close()
        self.on_pins.let_go(self.now_s)
        self._boot()

    def _crash_at(self, point: str) -> None:
        self.passed[point] += 1
        if drive := getattr(self, "drive", None):  # none before the first start
            self.stood.update(door.state for door in drive.controller.doors.values())
        if self.dead():
            raise PowerCut
        if self.doom is not None and self.doom[0] == point:
            self.doom = (point, self.doom[1] - 1)
            if self.doom[1] < 0:
                self.doom = None
                raise PowerCut

    def _perform(self, effect: Outward) -> None:
        if self.dead():
            raise PowerCut
        match effect:
            case Publish("state", payload):
                self.states.append(decode(Told, payload))
            case WritePort(_, data) if data[:1] == bytes((UNLOCK,)):
                self.unlocks += 1
            case WarnOfTemperature(compartment=number):
                self.warned.add(number)
            case _:
                pass
        super()._perform(effect)

    def unplug_boards(self) -> None:
        """Pull the lock boards' plug."""
        for port in sorted(self.hardware.ports):
            self.give(PortDown(port))

    # People ------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.run(self.now_s + seconds)

    def settle(self) -> None:
        """Let every message arrive and every deadline of an operation pass."""
        self.wait(60)
        self.shut_what_stands_open()
        self.wait(30)

    def announce(self, number: int) -> None:
        """Let a carrier announce a parcel, and its right arrive."""
        self.backend.claim(number, label(number), code(number))
        self.send_rights()

    def wish(self, *rights: Right) -> None:
        """Let the backend wish these rights, and let them arrive."""
        for right in rights:
            self.backend.wish(right)
        self.send_rights()

    def send_rights(self) -> None:
        """Send what is owed until it is in force."""
        for _ in range(TRIES_MAX):
            applied = self.drive.controller.position.revision
            if applied == self.backend.revision:
                return
            for kind, message in self.backend.change(applied, self.instant.wall):
                self.to_edge(kind, message)
            self.wait(8)
        raise AssertionError("the rights do not arrive")

    def deposit_once(self, number: int) -> None:
        """Scan and put the parcel in, if a door opens."""
        self.scan(label(number))
        self.wait(0.5)
        told = self.shown()
        if told is not None and told.outcome == "opens" and told.compartment is not None:
            self.wait_by("put_in", told.compartment)
        self.wait(40)

    def collect_once(self, number: int) -> Answer | None:
        """Type the code and take the parcel, if a door opens."""
        answer = self.type_code(code(number)[:8])
        if answer is not None and answer.outcome == "long_code_needed":
            answer = self.type_code(code(number))
        if answer is not None and answer.outcome == "opens" and answer.compartment is not None:
            self.wait_by("take_out", answer.compartment)
        self.wait(40)
        return answer

    def press(self, key: Key, value: str = "") -> Answer | None:
        """Press a key of the kiosk; what it leads to is shown like a scan's answer."""
        self._shown.clear()
        self._answers.clear()
        self.give(KeyPressed(key, value, f"ticket-{next(self._ids)}"))
        return self._answers[0] if self._answers else None

    def deposit(self, number: int) -> None:
        """Come back until the parcel lies in the locker."""
        self._until(f"parcel-{number:06d}", self.checker_deposited, self.deposit_once, number)

    def collect(self, number: int) -> None:
        """Come back until the parcel was taken."""
        self._until(f"parcel-{number:06d}", self.checker_collected, self.collect_once, number)

    def checker_deposited(self) -> set[str]:
        """What the journal says was put in."""
        return self.checker.deposited

    def checker_collected(self) -> set[str]:
        """What the journal says was taken."""
        return self.checker.collected

    def _until(
        self, parcel: str, done: Callable[[], set[str]], once: Callable[[int], Any], number: int
    ) -> None:
        for _ in range(TRIES_MAX):
            if parcel in done():
                return
            once(number)
            self.shut_what_stands_open()
            self.wait(20)
        assert parcel in done(), f"{parcel}: tried {TRIES_MAX} times"

    def command(
        self,
        kind: CommandKind,
        jti: str,
        compartment: int | None = None,
        service: Service | None = None,
        actor_class: str = "operator",
    ) -> None:
        """Let an operator ask, with a fresh challenge."""
        for what, name in (("show_challenge", f"{jti}-challenge"), (kind, jti)):
            iat = int(self.instant.wall.timestamp())
            command = Command(
                iat=iat,
                iss=self._identity.provision.installation,
                aud=self.config.locker.id,
                jti=name,
                kind=what,  # type: ignore[arg-type]
                compartment=compartment,
                service=service if what == kind else None,
                actor_class=actor_class,
                reason_code="help",
                exp=iat + 30,
                challenge=self.backend.challenge,
            )
            self.to_edge("commands", seal(command, self.backend.key))
            self.wait(8)

    # Verdict -----------------------------------------------------------------------------------

    def verify(self) -> None:
        """Judge: the checker's invariants, the plant against the journal, custody against both."""
        assert self.checker.breaks == []
        pulsed = Counter(e.compartment for e in self.checker.events if isinstance(e, Pulsed))
        fired = Counter(pulse.compartment for pulse in self.hardware.plant.pulses)
        assert not fired - pulsed, f"pulses that the journal does not know: {fired - pulsed}"
        for number, place in self.drive.controller.places.items():
            if number in self.drive.controller.operations:
                continue
            full = self.hardware.plant.locks[number].full
            assert not (full and place.content == "empty"), f"{number} is not empty"
        assert self.backend.complaints == []

    def ended(self) -> bool:
        """Say whether the journal tells of an operation that came to nothing."""
        return any(isinstance(event, NotOpened) for event in self.checker.events)


def label(number: int) -> str:
    """What stands on a parcel."""
    return f"PARCEL-{number:06d}"


def code(number: int) -> str:
    """The twelve digits of its recipient."""
    return f"{number:06d}".rjust(12, "7")[::-1]
