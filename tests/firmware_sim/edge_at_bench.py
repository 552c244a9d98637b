"""The edge at the bench: the daemon's own drive, store, ports and letterbox in the test's thread.

The ports are the daemon's (`ports.Ports`, a thread each) on the pseudo-terminals of the simulated
hardware, in real time; the backend is the simulation's, so a label opens a door by a right that
came signed. Nothing happens but inside `until`, which drives as the daemon does.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fellesskap_edge.config_check import load
from fellesskap_edge.drive import Drive
from fellesskap_edge.inbox import LinkMessage, LinkUp, Outward, Publish, Tick, WritePort
from fellesskap_edge.journal import Journal
from fellesskap_edge.letterbox import Letterbox
from fellesskap_edge.machine_clock import MachineClock
from fellesskap_edge.parts import Parts
from fellesskap_edge.ports import Ports
from fellesskap_edge.uplink import Draw
from fellesskap_protocol.events import AnyEvent
from tests.edge.provisioned import provisioned
from tests.system.house import NeverHappened

E = TypeVar("E", bound=AnyEvent)
T = TypeVar("T")
PATIENCE_S = 20.0


class EdgeAtBench:
    """The edge of the locker whose `locker.toml` stands in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.config = load(folder / "locker.toml")
        self._letterbox = Letterbox()
        self._clock = MachineClock()
        identity, self.backend = provisioned(self.config.locker.id)
        banks = {bank.port: bank.baud for bank in self.config.banks}
        scanner = self.config.scanner
        self.ports = Ports({**banks, scanner.port: scanner.baud}, self._letterbox.post)
        parts = Parts(
            config=self.config,
            identity=identity,
            journal=Journal(folder / "journal.sqlite"),
            boot_id="bench",
            new_id=lambda: secrets.token_hex(16),
            draw=lambda: Draw(secrets.token_hex(16), 0.0),
            perform=self._perform,
            mono_s=time.monotonic,
        )
        self.drive = Drive(parts, self._clock.now(), commissioned=True)
        self.ports.start()
        self._letterbox.post(LinkUp())

    def _perform(self, effect: Outward) -> None:
        match effect:
            case WritePort(port, data):
                self.ports.write(port, data)
            case Publish(kind, payload):
                answers = self.backend.hear(kind, payload, self._clock.now().wall)
                self._hear(answers)
            case _:
                pass

    def _hear(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for kind, payload in messages:
            self._letterbox.post(LinkMessage(kind, payload, retained=False))  # type: ignore[arg-type]

    def until(self, what: str, seen: Callable[[], T | None]) -> T:
        """Drive until something is so, and return it."""
        gives_up_at = time.monotonic() + PATIENCE_S
        while not (found := seen()):
            now = time.monotonic()
            if now > gives_up_at:
                raise NeverHappened(f"{what}: last seen {found!r}, {self.backend.events}")
            pause_s = max(0.0, min(self.drive.wake_at, gives_up_at) - now)
            event = self._letterbox.get(pause_s) or Tick()
            self.drive.drive(event, self._clock.now())
        return found

    def recorded(self, kind: type[E]) -> list[E]:
        """The events of one type that reached the backend."""
        return [event for event in self.backend.events if isinstance(event, kind)]

    def expect(self, number: int, label: str) -> None:
        """Let a parcel be announced, and its right arrive."""
        self.backend.claim(number, label, f"{number:012d}")
        applied = self.drive.controller.position.revision
        self.until("an epoch", lambda: self.backend.epoch)
        self._hear(self.backend.change(applied, self._clock.now().wall))
        self.until("the right", lambda: len(self.drive.controller.rights) >= number)

    def close(self) -> None:
        """Stop it."""
        self.ports.stop()
        self.drive.parts.journal.close()
