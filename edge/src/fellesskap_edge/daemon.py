"""The daemon: real ports, broker, clock and kiosk around one `Drive`, and a bounded inbox.

One thread drives; it blocks on the inbox until an event comes or a deadline is due. All other
threads only post. systemd is told when the doors were read, and that all is well while all goes
round. Tests let it die at a named crash point by `FELLESSKAP_CRASH_AT`, or stand still there by
`FELLESSKAP_HANG_AT`.
"""

import logging
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from fellesskap_edge.ballast import Ballast
from fellesskap_edge.config import LockerConfig
from fellesskap_edge.drive import Drive
from fellesskap_edge.identity import Identity, load
from fellesskap_edge.inbox import (
    InboxOverflowed,
    Inward,
    Outward,
    Publish,
    SetWill,
    Tick,
    WritePort,
)
from fellesskap_edge.journal import Journal, JournalUnusable
from fellesskap_edge.kiosk.app import Kiosk
from fellesskap_edge.letterbox import Letterbox
from fellesskap_edge.link import Link
from fellesskap_edge.locks.gpio import ReadPins, SetPin
from fellesskap_edge.machine_clock import MachineClock
from fellesskap_edge.notify import USEC, Systemd
from fellesskap_edge.parts import Parts
from fellesskap_edge.ports import Ports
from fellesskap_edge.power import SetPower
from fellesskap_edge.probes import Probes
from fellesskap_edge.reading import AT_SCANNER
from fellesskap_edge.state import Answer, TellAtDoor, TellCourier, WarnOfTemperature
from fellesskap_edge.uplink import Draw
from fellesskap_edge.waiting import until_it_opens
from fellesskap_edge.watchdog import Beat, dead

if TYPE_CHECKING:
    from fellesskap_edge.pins import Pins

log = logging.getLogger(__name__)
READY_S_MAX = 1.5
"""Boards that do not answer within this are faults; the others serve."""
START_S_MAX = 60
"""Opening the store is one long read; trying it again comes every 5 s."""
COMMISSIONED_FILE = "commissioned"


class Daemon:
    """One locker's daemon, from start to stop."""

    def __init__(self, config: LockerConfig) -> None:
        self._inbox = Letterbox()
        post = self._inbox.post
        # The first thing of all: a process that was killed may have left a coil on.
        self._pins = _pins(config, post)
        state = Path(config.edge.state)
        identity = load(state, config.locker.id)
        self._running = True
        self._systemd = Systemd(os.environ)
        self._feed_at = float("inf")
        self._dead: tuple[str, ...] = ()
        self._clock = MachineClock()
        bauds = {bank.port: bank.baud for bank in config.banks if bank.port}
        self._ports = Ports({**bauds, config.scanner.port: config.scanner.baud}, post)
        probes = (probe.device for probe in config.probes)
        self._probes = Probes(Path(config.climate.devices), probes, post)
        self._link = Link(identity.provision.broker, config.locker.id, post)
        self._kiosk = Kiosk(config, post)
        self._reachable = False
        marker = state / COMMISSIONED_FILE
        self.drive = until_it_opens(
            lambda: self._begun(config, identity, commissioned=not marker.exists()),
            self._inbox,
            self._turn_away,
            self._be_reachable,
        )
        marker.touch(mode=0o600)

    def _begun(self, config: LockerConfig, identity: Identity, *, commissioned: bool) -> Drive:
        state = Path(config.edge.state)
        # A disk that refuses is tried again and again; that is no start that hangs.
        self._systemd.say(f"EXTEND_TIMEOUT_USEC={START_S_MAX * USEC}", "STATUS=opening the store")
        journal = Journal(state / "journal.sqlite", Ballast(state / "journal.ballast"))
        parts = Parts(
            config=config,
            identity=identity,
            journal=journal,
            boot_id=secrets.token_hex(8),
            new_id=lambda: str(new_id()),
            draw=lambda: Draw(secrets.token_hex(16), random.random()),  # noqa: S311 (only spreads)
            perform=self._perform,
            crash_at=_crash_at,
            mono_s=time.monotonic,
        )
        try:
            return Drive(parts, self._clock.now(), commissioned=commissioned)
        except JournalUnusable:
            journal.close()
            raise

    def _turn_away(self, effect: Outward) -> None:
        """Tell whoever came: no drive stands behind the kiosk that would hand over its answers."""
        self._perform(effect)
        self._kiosk.set_status({"in_service": False})

    def _be_reachable(self) -> None:
        """Let people and the backend reach us."""
        if not self._reachable:
            self._reachable = True
            self._link.start()
            self._kiosk.start()

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; tell where the kiosk is once the doors were read."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        self._ports.start()
        self._probes.start()
        self._be_reachable()
        try:
            self._serve(on_ready)
        finally:
            if self._pins:
                self._pins.stop()  # before whatever may take its time to stop
        self._kiosk.stop()
        self._link.stop()
        self._ports.stop()
        self._probes.stop()
        self.drive.parts.journal.close()
        self._systemd.close()

    def _serve(self, on_ready: Callable[[str], None]) -> None:
        ready_by = time.monotonic() + READY_S_MAX
        ready = False
        while self._running:
            if not ready and (self._all_answer() or time.monotonic() > ready_by):
                ready, self._feed_at = True, 0.0
                self._systemd.say("READY=1", self._status)
                on_ready(self._kiosk.url)
            self._feed()
            wake_at = self.drive.wake_at if ready else min(self.drive.wake_at, ready_by)
            self.drive.drive(self._next(wake_at), self._clock.now())
            self._kiosk.set_status(
                {
                    "locker": self.drive.parts.config.locker.id,
                    "in_service": self._all_answer() and not self.drive.keeping.outage,
                    "standing": self.drive.standing,
                }
            )
        self._systemd.say("STOPPING=1")

    def _feed(self) -> None:
        """Tell systemd that this loop and all that stands around it goes round, if it does."""
        now = time.monotonic()
        if now < self._feed_at:
            return
        self._feed_at = now + self._systemd.feed_s
        found = dead(self._beats, now)
        if not found:
            self._systemd.say("WATCHDOG=1", self._status)
        elif found != self._dead:
            log.error("dead: %s; systemd is not told that all is well", ", ".join(found))
        self._dead = found

    @property
    def _beats(self) -> list[Beat]:
        now, drive = time.monotonic(), self.drive
        deadlines = {"lock lines": drive.lines.wake_at, "scanner": drive.reader.wake_at}
        overdue = [Beat(part, True, min(now, due)) for part, due in deadlines.items()]
        threads = [*self._ports.beats, *self._probes.beats, self._kiosk.beat, self._link.beat]
        return [*overdue, *threads]

    @property
    def _status(self) -> str:
        """What `systemctl status` shows."""
        controller = self.drive.controller
        silent = {wired.bank for wired in controller.wiring.values()} - controller.answering
        told = f", silent: {' '.join(sorted(silent))}" if silent else ""
        order = ", out of order: the store refuses" if self.drive.keeping.outage else ""
        return f"STATUS={len(controller.wiring)} compartments{told}{order}"

    def _next(self, wake_at: float) -> Inward:
        if lost := self._inbox.lost():
            return InboxOverflowed(lost)
        pause_s = min(max(0.0, min(wake_at, self._feed_at) - time.monotonic()), 60.0)
        return self._inbox.get(pause_s) or Tick()

    def _all_answer(self) -> bool:
        controller = self.drive.controller
        return {wired.bank for wired in controller.wiring.values()} <= controller.answering

    def _end(self, *_: object) -> None:
        self._running = False
        self._inbox.post(Tick())

    def _perform(self, effect: Outward) -> None:
        match effect:
            case WritePort(port, data):
                self._ports.write(port, data)
            case SetPin(bank, channel, on) if self._pins:
                self._pins.set(bank, channel, on=on)
            case SetPower(bank, on) if self._pins:
                self._pins.set_power(bank, on=on)
            case ReadPins(bank) if self._pins:
                self._pins.read(bank)
            case Publish():
                self._link.publish(effect)
            case SetWill(payload):
                self._link.will = payload
            case Answer() if effect.ticket != AT_SCANNER:
                self._kiosk.answer(effect)
            case Answer() | TellCourier() | TellAtDoor():
                self._kiosk.show(effect)
            case WarnOfTemperature(ticket, number):
                self._kiosk.show(Answer(ticket, "warm", number))


def _pins(config: LockerConfig, post: Callable[[Inward], None]) -> "Pins | None":
    """Claim the pins, all coils off; None, and gpiozero never imported, if no bank is on pins."""
    banks = [one for one in config.banks if one.family == "gpio" or one.power_pin is not None]
    if not banks:
        return None
    from fellesskap_edge.pins import Pins, pin_factory  # noqa: PLC0415 (the reason is above)

    return Pins(banks, post, pin_factory)


def new_id() -> UUID:
    """Return a UUIDv7: 48 bits of milliseconds since 1970, then chance (RFC 9562)."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def _crash_at(point: str) -> None:
    """Die like in a power cut, or stand still for good, if a test asks for it at this point."""
    while os.environ.get("FELLESSKAP_HANG_AT") == point:
        signal.pause()
    if os.environ.get("FELLESSKAP_CRASH_AT") == point:
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
