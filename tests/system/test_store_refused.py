"""A real daemon that is started on a store that refuses: nothing opens, everybody is told.

It serves as soon as the store may be written, without another start.
"""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from fellesskap_edge.waiting import FAULT
from fellesskap_protocol.events import Collected
from fellesskap_protocol.messages import State, decode
from tests.system.brokers import Broker
from tests.system.house import Locker, wait_for
from tests.system.overheard import Overheard
from tests.system.test_edge import CODE, LABEL, Edge, deposit

STORE = "journal.sqlite"


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


def remount(folder: Path, how: str) -> bool:
    return mount("-o", f"remount,bind,{how}", str(folder))


@contextmanager
def read_only(state: Path) -> Iterator[Callable[[], None]]:
    """Let the store lie on a file system that is read-only."""
    assert mount("--bind", str(state), str(state))
    assert remount(state, "ro")

    def heal() -> None:
        assert remount(state, "rw")

    try:
        yield heal
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


@contextmanager
def in_the_way(state: Path) -> Iterator[Callable[[], None]]:
    """Let a folder stand where the store should."""
    aside = state / "aside"
    (state / STORE).rename(aside)
    (state / STORE).mkdir()

    def heal() -> None:
        if aside.exists():
            (state / STORE).rmdir()
            aside.rename(state / STORE)

    try:
        yield heal
    finally:
        heal()


def ways() -> list[str]:
    """A real read-only file system too, where we may mount one."""
    with TemporaryDirectory(prefix="fellesskap-mount-") as probe:
        if os.geteuid() or not mount("--bind", probe, probe):
            return ["in the way"]
        subprocess.run(["umount", probe], check=True)
    return ["in the way", "read-only"]


def states(overheard: Overheard) -> list[State]:
    """Return what operators were told of the locker, in order."""
    parts = [said for topic, said in overheard.texts if topic.endswith("/state")]
    return [decode(State, said) for said in parts[1::2]]


def told(port: int, path: str, body: dict[str, str]) -> object:
    answer = httpx.post(f"http://127.0.0.1:{port}/api/{path}", json=body, timeout=10)
    return answer.json()["outcome"]


def shown(port: int) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/status", timeout=10)
    except httpx.TransportError:
        return None


def on_a_known_port(locker: Locker) -> int:
    """Let the kiosk have a port that is known before the daemon says it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    toml = locker.config.read_text()
    locker.config.write_text(toml.replace("[kiosk]\nport = 0", f"[kiosk]\nport = {port}"))
    return port


@pytest.mark.parametrize("way", ways())
def test_on_a_store_that_refuses_people_and_operators_are_told(
    edge: Edge, broker: Broker, way: str
) -> None:
    backend, locker = edge
    backend.grant(backend.claim(1, LABEL, CODE))
    deposit(edge)
    assert locker.edge is not None
    locker.edge.kill()
    port, pulses = on_a_known_port(locker), len(locker.hardware.pulses())
    refused = read_only if way == "read-only" else in_the_way
    overheard = Overheard(broker)
    with ThreadPoolExecutor(1) as pool, refused(locker.folder / "state") as heal:
        start = pool.submit(locker.start)
        status = wait_for("the kiosk's page", lambda: shown(port))
        assert status.json()["in_service"] is False
        assert told(port, "code", {"code": CODE[:8]}) == "locker_out_of_order"
        assert told(port, "key", {"key": "take_out"}) == "locker_out_of_order"
        wait_for("operators told", lambda: any(FAULT in one.faults for one in states(overheard)))
        assert len(locker.hardware.pulses()) == pulses, "nothing opens"
        assert not start.done()
        heal()
        start.result()
        locker.hardware.person("take_out")
        assert locker.enter(CODE[:8])["outcome"] == "opens"
        wait_for("collected", lambda: backend.recorded(Collected))
        wait_for("operators told", lambda: not states(overheard)[-1].faults)
        locker.stop()
    overheard.close()
