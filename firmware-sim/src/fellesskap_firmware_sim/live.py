"""Simulated hardware in real time: pseudo-terminals for the real daemon, a socket for people.

One thread, one selector. `<dir>/lock-bus` and `<dir>/scanner` (the ports of `locker.toml`) are
links to pseudo-terminals; `<dir>/control.sock` takes JSON requests, one a line: `scan`,
`scan_bytes`, `person`, `pulses`, `doors`, `force`, `shut`, `push`, `power`, `fault`, `unplug`,
`plug`, `watch`, `stop`; `pins` and `pin` come from the daemon's process where a bank is on pins
(`mock_pins`). `<dir>/w1` holds what the kernel would show of temperature probes.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import time
import tty
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fellesskap_edge.config import LockerConfig
from fellesskap_firmware_sim.computer import Computer
from fellesskap_firmware_sim.faults import (
    BoardFaults,
    CoolingFaults,
    LockFaults,
    PinFaults,
    SupplyFaults,
)
from fellesskap_firmware_sim.plant import Act, Person
from fellesskap_firmware_sim.scanner import ScannerFaults
from fellesskap_firmware_sim.w1_folder import W1Folder
from fellesskap_firmware_sim.world import SimulatedLocker

Json = dict[str, Any]
Faults = LockFaults | BoardFaults | PinFaults | CoolingFaults | SupplyFaults | ScannerFaults
READ_BYTES = 4096
REQUEST_BYTES_MAX = 4_000_000
IDLE_S = 60.0
ACTS: tuple[Act, ...] = ("put_in", "take_out", "nothing")


class BadRequest(ValueError):
    """A request that cannot be done; said to whoever asked."""


class Line:
    """One pseudo-terminal under a stable name, that can be unplugged and plugged in again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug()

    def plug(self) -> None:
        """Open a new terminal; the slave stays open, else the master reads an error."""
        self.master, self._slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """Take the device away, as pulling its plug does."""
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self.master)

    def write(self, data: bytes) -> None:
        """Send bytes to the daemon; what nobody reads is lost, as on a real line."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, data)


class Live:
    """The hardware of one locker with its lines and its control socket."""

    def __init__(self, folder: Path, config: LockerConfig) -> None:
        self.world = SimulatedLocker(config)
        self.selector = selectors.DefaultSelector()
        self.scanner_port = config.scanner.port
        self.lines: dict[str, Line] = {}
        for port in (*self.world.ports, self.scanner_port):
            self.lines[port] = Line(Path(port))
            self._listen(port)
        self._w1 = W1Folder(folder / "w1")
        self._noise_left = 0
        self._watchers: list[socket.socket] = []
        self._computer = Computer(self.world)
        self._facts_told = 0
        self._wall_offset = time.time() - time.monotonic()
        control = folder / "control.sock"
        control.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(control))
        control.chmod(0o600)
        self._server.listen()
        self.selector.register(self._server, selectors.EVENT_READ, self._accept)
        self._running = True
        signal.signal(signal.SIGTERM, self._stop_on_signal)
        signal.signal(signal.SIGINT, self._stop_on_signal)

    def run(self) -> None:
        """Serve until told to stop."""
        # A selector sleeps on after a signal (PEP 475); bytes on this socket wake it.
        woken, wake = socket.socketpair()
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        self.selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(READ_BYTES))
        while self._running:
            wake_at = min(self.world.wake_at, self._w1.wake_at)
            pause = min(wake_at - time.monotonic(), IDLE_S)
            for key, _ in self.selector.select(max(0.0, pause)):
                callback: Callable[[], object] = key.data
                callback()
            self._pump()

    def _stop_on_signal(self, *_: object) -> None:
        self._running = False

    def _pump(self) -> None:
        """Let time pass, carry bytes out, tell the watchers."""
        now = time.monotonic()
        self.world.advance(now)
        if self._w1.wake_at <= now:
            self._w1.write(self.world.read_probes(now), now)
        for port in self.world.ports:
            if said := self.world.read_bus(port, now):
                self.lines[port].write(said)
                self._tell("reply", None, now, bytes=said.hex(" "), line=Path(port).name)
        if said := self.world.read_scanner(now):
            self.lines[self.scanner_port].write(said)
            if self.world.scanner.label_out(now):
                self._tell("scanned", None, time.monotonic())
        self._computer.tell(now)
        facts = self.world.plant.facts
        while self._facts_told < len(facts):
            fact = facts[self._facts_told]
            self._facts_told += 1
            self._tell(fact.name, fact.compartment, fact.at)

    def _tell(self, fact: str, compartment: int | None, at: float, **more: object) -> None:
        row = {"fact": fact, "compartment": compartment, "mono_s": at, "at": self._wall(at), **more}
        line = json.dumps(row).encode() + b"\n"
        for watcher in list(self._watchers):
            try:
                watcher.sendall(line)
            except OSError:
                self._watchers.remove(watcher)

    def _wall(self, at: float) -> str:
        return datetime.fromtimestamp(at + self._wall_offset, UTC).isoformat()

    def _listen(self, port: str) -> None:
        line = self.lines[port]
        self.selector.register(line.master, selectors.EVENT_READ, lambda: self._hear(port))

    def _hear(self, port: str) -> None:
        try:
            data = os.read(self.lines[port].master, READ_BYTES)
        except OSError:
            return
        now = time.monotonic()
        self.world.write_bus(port, data, now)

    def _accept(self) -> None:
        client, _ = self._server.accept()
        buffer = bytearray()

        def hear() -> None:
            data = b""
            with contextlib.suppress(OSError):  # gone without a word: as if it had closed
                data = client.recv(65_536)
            buffer.extend(data)
            if not data or len(buffer) > REQUEST_BYTES_MAX:
                self.selector.unregister(client)
                client.close()
                self._computer.gone(client, time.monotonic())
                return
            while (end := buffer.find(b"\n")) >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                answer = json.dumps(self._answer(line, client)).encode() + b"\n"
                with contextlib.suppress(OSError):
                    client.sendall(answer)

        self.selector.register(client, selectors.EVENT_READ, hear)

    def _answer(self, line: bytes, client: socket.socket) -> Json:
        try:
            request = json.loads(line)
            do = request.pop("do")
            if do == "pins":
                return {"levels": self._computer.join(client, time.monotonic())}
            handler = self._handler(do)
            if do == "watch":
                self._watchers.append(client)
            answer: Json = handler(**request) or {"ok": True}
        except (BadRequest, KeyError, TypeError, ValueError, AttributeError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return answer

    def _handler(self, do: str) -> Callable[..., Json | None]:
        found: Callable[..., Json | None] | None = getattr(self, f"_do_{do}", None)
        if found is None:
            raise BadRequest(f"unknown request {do!r}")
        return found

    def _do_watch(self) -> Json:
        return {"fact": "watching", "compartment": None, "mono_s": time.monotonic()}

    def _do_pin(self, pin: int, *, level: bool | None) -> None:
        self.world.drive_pin(pin, level, time.monotonic())

    def _do_scan(self, text: str) -> None:
        self.world.scan(text.rstrip("\r\n"), time.monotonic())

    def _do_scan_bytes(self, hex: str) -> None:  # noqa: A002
        """Put raw bytes on the scanner's line at once, waiting for the reader as a UART would."""
        master = self.lines[self.scanner_port].master
        os.set_blocking(master, True)
        try:
            os.write(master, bytes.fromhex(hex))
        finally:
            os.set_blocking(master, False)

    def _do_person(
        self, act: Act, compartment: int | None = None, open_s: float = 2.2, *, shuts: bool = True
    ) -> None:
        if act not in ACTS:
            raise BadRequest(f"a person can {', '.join(ACTS)}, not {act!r}")
        if compartment is not None:
            self._lock(compartment)
        self.world.plant.person(Person(act, compartment, open_s, shuts), time.monotonic())

    def _do_pulses(self) -> Json:
        return {
            "pulses": [
                {
                    "compartment": pulse.compartment,
                    "at": self._wall(pulse.started),
                    "mono_s": pulse.started,
                    "on_ms": (pulse.ended - pulse.started) * 1000,
                }
                for pulse in self.world.plant.pulses
            ]
        }

    def _do_doors(self) -> Json:
        return {
            "doors": [
                {"compartment": number, "open": lock.is_open, "full": lock.full}
                for number, lock in self.world.plant.locks.items()
            ]
        }

    def _do_force(self, compartment: int) -> None:
        self._lock(compartment)
        self.world.plant.force(compartment, time.monotonic())

    def _do_shut(self, compartment: int) -> None:
        self._lock(compartment)
        self.world.plant.shut(compartment, time.monotonic())

    def _do_push(self, compartment: int) -> None:
        self._lock(compartment)
        self.world.plant.push(compartment, time.monotonic())

    def _do_power(self, *, on: bool) -> None:
        switch = self.world.plant.power_back if on else self.world.plant.power_lost
        switch(time.monotonic())

    def _do_fault(self, name: str, value: Any, part: str | int) -> None:
        if isinstance(part, int):
            faults: Faults = self._lock(part)
        elif part == "scanner":
            faults = self.world.scanner.faults
        elif part in self.world.plant.supplies:
            faults = self.world.plant.supplies[part].faults
        elif part in self.world.cooling.boxes:
            faults = self.world.cooling.boxes[part].faults
            self._w1.wake_at = 0.0
        elif part in self.world.boards:
            faults = self.world.boards[part].faults
        elif part in self.world.pins:
            faults = self.world.pins[part].faults
        else:
            banks = ", ".join((*self.world.boards, *self.world.pins))
            raise BadRequest(f"no bank {part!r}: there are {banks}")
        if not hasattr(faults, name):
            raise BadRequest(f"no fault {name!r}: there are {', '.join(vars(faults))}")
        setattr(faults, name, value)

    def _lock(self, compartment: int) -> LockFaults:
        if compartment not in self.world.plant.locks:
            raise BadRequest(f"no compartment {compartment}")
        return self.world.plant.locks[compartment].faults

    def _port(self, name: str) -> str:
        for port in self.lines:
            if Path(port).name == name:
                return port
        raise BadRequest(f"no line {name!r}")

    def _do_unplug(self, line: str) -> None:
        port = self._port(line)
        self.selector.unregister(self.lines[port].master)
        self.lines[port].unplug()

    def _do_plug(self, line: str) -> None:
        port = self._port(line)
        self.lines[port].plug()
        self._listen(port)
        if port == self.scanner_port:
            self.world.scanner.power_on()

    def _do_stop(self) -> None:
        self._running = False
