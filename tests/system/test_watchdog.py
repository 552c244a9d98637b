"""The real daemon under a supervisor by hand: what it says on systemd's socket, and when not."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.brokers import Broker
from tests.system.house import Locker, locker_toml, wait_for
from tests.system.thin_backend import ThinBackend

LOCKER_ID = "fornebu-1"
LABEL, CODE = "sscc:370712345678901238", "123456789012"
WATCHDOG_S = 0.3


class Supervisor:
    """systemd's end of the socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}

    def hears(self, word: str, timeout_s: float = 20.0) -> bool:
        """Say whether a datagram with this word comes in time, letting others pass."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if word in self._socket.recv(4096).decode():
                    return True
            except TimeoutError:
                break
        return False

    def forget(self) -> None:
        """Drop what came so far."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    listening = Supervisor(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker("nats", tmp_path / "broker").start()
    yield running
    running.stop()


@pytest.fixture
def supervised(
    supervisor: Supervisor, broker: Broker, tmp_path: Path
) -> Iterator[tuple[Supervisor, Locker, ThinBackend]]:
    """A provisioned locker that is not started yet."""
    locker = Locker(tmp_path / LOCKER_ID, locker_toml(LOCKER_ID))
    backend = ThinBackend(broker.login("backend"), LOCKER_ID)
    locker.provision(backend.provision(locker.identity(), broker.login("locker")))
    yield supervisor, locker, backend
    if locker.edge is not None:
        locker.edge.kill()  # one that hangs does not stop
    locker.stop()
    backend.close()


def test_ready_then_fed_also_while_the_board_is_silent_then_stopping(
    supervised: tuple[Supervisor, Locker, ThinBackend],
) -> None:
    supervisor, locker, _ = supervised
    locker.start(supervisor.env)
    assert supervisor.hears("READY=1\nSTATUS=24 compartments")
    assert supervisor.hears("WATCHDOG=1\nSTATUS=24 compartments")
    locker.hardware.ask("fault", part="a", name="silent", value=True)
    assert supervisor.hears("WATCHDOG=1\nSTATUS=24 compartments, silent: a", 40)
    supervisor.forget()
    assert all(supervisor.hears("WATCHDOG=1") for _ in range(3)), "a restart mends no board"
    locker.hardware.ask("fault", part="a", name="silent", value=False)
    assert supervisor.hears("compartments", 40)
    assert locker.edge is not None
    locker.edge.stop()
    assert supervisor.hears("STOPPING=1")


def test_a_drive_loop_that_hangs_is_not_fed(
    supervised: tuple[Supervisor, Locker, ThinBackend],
) -> None:
    supervisor, locker, backend = supervised
    locker.start({**supervisor.env, "FELLESSKAP_HANG_AT": "after_commit_before_pulse"})
    assert supervisor.hears("WATCHDOG=1")
    backend.grant(backend.claim(1, LABEL, CODE))
    assert supervisor.hears("WATCHDOG=1")
    locker.hardware.scan("]C100370712345678901238")
    wait_for(
        "no word for three of its patiences", lambda: not supervisor.hears("=", 3 * WATCHDOG_S)
    )
    assert not locker.hardware.pulses()


def test_a_commit_that_hangs_is_not_fed(
    supervised: tuple[Supervisor, Locker, ThinBackend], broker: Broker
) -> None:
    """With all plugs pulled and no broker there is nothing to commit, until a board comes."""
    supervisor, locker, _ = supervised
    for line in ("lock-bus", "scanner"):
        locker.hardware.ask("unplug", line=line)
    broker.kill()
    hung = locker.start({**supervisor.env, "FELLESSKAP_HANG_AT": "before_commit"})
    assert supervisor.hears("READY=1")
    assert all(supervisor.hears("WATCHDOG=1") for _ in range(3))
    locker.hardware.ask("plug", line="lock-bus")
    wait_for(
        "no word for three of its patiences", lambda: not supervisor.hears("=", 3 * WATCHDOG_S)
    )
    supervisor.forget()
    assert not supervisor.hears("=", 3 * WATCHDOG_S)
    assert hung.process.poll() is None, "it hangs, and did not die"


def test_ready_comes_without_a_board_too(
    supervised: tuple[Supervisor, Locker, ThinBackend],
) -> None:
    supervisor, locker, _ = supervised
    locker.hardware.ask("unplug", line="lock-bus")
    locker.start(supervisor.env)
    assert supervisor.hears("READY=1\nSTATUS=24 compartments, silent: a")
    assert supervisor.hears("WATCHDOG=1")
