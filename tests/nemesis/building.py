"""The installation that a campaign torments: each part a process (or several) that can be killed.

Backend (`serve`: API, bridge and worker), PostgreSQL, a broker, and lockers of a real daemon and
simulated hardware each. Backend and daemons reach the broker by the proxy alone. Loopback, free
ports, a session of its own for every process; each is ended by its id.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine

from fellesskap_backend import db
from fellesskap_backend.settings import Settings
from fellesskap_edge.config_check import load
from fellesskap_protocol.signing import unb64url
from tests.backend.postgres import Postgres
from tests.judge import history
from tests.nemesis.chronicle import BRIDGE, Chronicle
from tests.nemesis.eyes import Eyes
from tests.nemesis.proxy import Proxy
from tests.nemesis.shifted_edge import set_clock
from tests.system.brokers import Broker, Name, free_port
from tests.system.house import Installation, Locker, Program, locker_toml

DATABASE = "campaign"
LOCKERS = ("fornebu-1", "lysaker-2")
DOORS = 12
COIL_S_MAX = 1.0
REMOTE_GAP_S, REMOTE_MAX = 1.0, 100_000
"""Raised in `locker.toml`: a courier who lost a parcel behind a door waits for nobody."""
SLACK_S = 3.0
"""How exact times are: processes stand still, and threads of people wait for a turn."""
DISK_BYTES = 64 * 1024 * 1024
"""Three times the journal's ballast, and some."""


class ShiftedLocker(Locker):
    """A locker on a machine whose clock can be set, with the kiosk on a port that stays."""

    @property
    def clock(self) -> Path:
        """Where the daemon's machine finds its offset."""
        return self.folder / "clock"

    def command(self) -> list[str]:
        """Return how the daemon is started."""
        edge = [sys.executable, "-m", "tests.nemesis.shifted_edge", str(self.clock)]
        return [*edge, "run", "--config", str(self.config)]


@dataclass(eq=False)
class Part:
    """What can be killed, stopped and started again."""

    name: str
    start: Callable[[], object]
    kill: Callable[[], object]
    processes: Callable[[], list[int]]
    chronicle: Chronicle
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Whoever does something to this part holds it until the part is up again."""

    def _now(self, state: Any) -> None:
        self.chronicle.add(history.Part(at=self.chronicle.now, part=self.name, state=state))

    def begin(self) -> None:
        """Start it; it answers when this returns."""
        self.start()
        self._now("up")

    def end(self) -> None:
        """SIGKILL."""
        self.kill()
        self._now("down")

    def freeze(self) -> None:
        """SIGSTOP for each of its processes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Let it stand still."""
        self.freeze()
        self._now("stopped")

    def go_on(self) -> None:
        """Let it go on."""
        self.thaw()
        self._now("up")

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


class Building:
    """Everything, running."""

    def __init__(self, root: Path, house: Installation, postgres: Postgres, broker: Broker) -> None:
        self.root, self.house, self.postgres, self.broker = root, house, postgres, broker
        self.chronicle = Chronicle()
        self.proxy = Proxy()
        self.lockers: dict[str, ShiftedLocker] = {}
        self.eyes: dict[str, Eyes] = {}
        self.keys: dict[str, bytes] = {}
        """K_locker of each, as a technician could read it."""
        self.parts: dict[str, Part] = {}
        self._obstacles: dict[str, set[str]] = {name: set() for name in LOCKERS}
        self._contacts = threading.Lock()
        self.over = threading.Event()
        """Set when everybody shall go home at once."""
        self.disks: dict[str, Path] = {}
        """Lockers whose store lies on a disk of its own that can be filled."""

    def obstruct(self, what: str, lockers: Iterable[str]) -> None:
        """Note that something keeps messages from passing between lockers and the backend."""
        for locker in lockers:
            with self._contacts:
                self._obstacles[locker].add(what)
                if len(self._obstacles[locker]) == 1:
                    self._contact(locker, up=False)

    def clear(self, what: str) -> None:
        """Note that it does not any more."""
        with self._contacts:
            for locker, obstacles in self._obstacles.items():
                if what in obstacles:
                    obstacles.discard(what)
                    if not obstacles:
                        self._contact(locker, up=True)

    def _contact(self, locker: str, *, up: bool) -> None:
        self.chronicle.add(history.Contact(at=self.chronicle.now, locker=locker, up=up))

    @property
    def engine(self) -> Engine:
        """The database, as the backend's own commands open it."""
        url = self.house.env["FELLESSKAP_DATABASE_URL"]
        return db.engine(Settings(state=self.house.state, database_url=url))

    def pause(self, length_s: float) -> bool:
        """Let a person wait a moment, as people do; say whether it is all over."""
        return self.over.wait(length_s)

    def connect(self) -> "psycopg.Connection[Any]":
        """Look into the database as its administrator."""
        return psycopg.connect(
            f"host={self.postgres.socket} user=postgres dbname={DATABASE}",
            autocommit=True,
            connect_timeout=5,
        )

    def set_up(self, seed: int) -> None:
        """Start the backend by way of the proxy, then each locker."""
        say = self.chronicle
        bridge = self.proxy.line(BRIDGE, self.broker.port, seed, say.passed)
        broker = self.broker
        self.house.env |= {
            "FELLESSKAP_BROKER_URL": broker.url("backend").replace(
                f":{broker.port}", f":{bridge.port}"
            ),
            "FELLESSKAP_LOCKER_BROKER_URL": broker.url("locker"),
            "FELLESSKAP_OPERATOR_BROKER_URL": broker.url("operator"),
        }
        self._part("broker", lambda: None, broker.kill, lambda: [_id(broker.process)])
        self._part("database", lambda: None, self.postgres.kill, self.postgres.processes)
        self._part("backend", self.house.start, self._kill_backend, self._of_backend)
        for part in self.parts.values():
            part.begin()
        self.parts["broker"].start = broker.start
        self.parts["database"].start = self.postgres.start
        for turn, locker_id in enumerate(LOCKERS):
            self._put_up(locker_id, seed + 1 + turn, own_disk=turn == 0 and os.geteuid() == 0)

    def _part(
        self,
        name: str,
        start: Callable[[], object],
        kill: Callable[[], object],
        processes: Callable[[], list[int]],
    ) -> Part:
        made = self.parts[name] = Part(name, start, kill, processes, self.chronicle)
        return made

    def _kill_backend(self) -> None:
        assert self.house.backend is not None
        self.house.backend.kill()

    def _of_backend(self) -> list[int]:
        assert self.house.backend is not None
        return [self.house.backend.pid]

    def _put_up(self, locker_id: str, seed: int, *, own_disk: bool) -> None:
        toml = locker_toml(locker_id, DOORS, remote_open_interval_s=REMOTE_GAP_S)
        toml = toml.replace("[kiosk]\nport = 0", f"[kiosk]\nport = {free_port()}")
        locker = ShiftedLocker(self.root / locker_id, toml)
        self.house.lockers.append(locker)
        self.lockers[locker_id] = locker
        if own_disk:
            self._mount(locker_id, locker.folder / "state")
        set_clock(locker.clock, 0.0, synchronised=True)
        device = locker.folder / "device.json"
        device.write_text(json.dumps(locker.identity()))
        told = self.house.cli(
            *("locker", "provision", locker_id, "--device", str(device)),
            *("--site-name", locker_id, "--address", "Widerøeveien 5, 1360 Fornebu"),
        )
        line = self.proxy.line(locker_id, self.broker.port, seed, self.chronicle.passed)
        told["broker"]["port"] = line.port
        locker.provision(told)
        self.keys[locker_id] = unb64url(told["k_locker"])
        compartments = load(locker.config).compartments
        self.chronicle.add(
            history.Locker(
                at=self.chronicle.now,
                locker=locker_id,
                compartments=tuple(one.geometry for one in compartments),
                coil_s_max={one.number: COIL_S_MAX for one in compartments},
                sensors=tuple(one.number for one in compartments),
                remote_opens_max=REMOTE_MAX,
                remote_gap_s=REMOTE_GAP_S,
                slack_s=SLACK_S,
            )
        )
        self.eyes[locker_id] = Eyes(locker_id, locker.hardware, self.chronicle)
        self._part(
            f"edge:{locker_id}",
            locker.start,
            lambda: _daemon(locker).kill(),
            lambda: [_daemon(locker).pid],
        ).begin()

    def _mount(self, locker_id: str, state: Path) -> None:
        state.mkdir(mode=0o700)
        size = f"size={DISK_BYTES},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(state)], check=True)
        self.disks[locker_id] = state

    def kill_all(self) -> None:
        """End what is of the house, as nothing is judged any more: nobody waits for a goodbye."""
        programs = [self.house.backend, *(one.edge for one in self.house.lockers)]
        programs += [one.hardware.program for one in self.house.lockers]
        for program in programs:
            if program is not None and program.process.poll() is None:
                program.kill()

    def close(self) -> None:
        """Give back what outlives its processes."""
        self.proxy.close()
        for state in self.disks.values():
            subprocess.run(["umount", "--lazy", str(state)], check=True)


def _daemon(locker: Locker) -> Program:
    assert locker.edge is not None
    return locker.edge


def _id(process: "subprocess.Popen[bytes] | None") -> int:
    assert process is not None
    return process.pid


@contextlib.contextmanager
def building(root: Path, broker_name: Name, seed: int) -> Iterator[Building]:
    """Run the whole installation for the length of a `with`."""
    with (
        tempfile.TemporaryDirectory(prefix="fsk-nemesis-") as folder,
        contextlib.ExitStack() as ends,
    ):
        postgres = Postgres(Path(folder))
        ends.callback(postgres.stop)
        broker = Broker(broker_name, root / "broker").start()
        ends.callback(broker.stop)
        env: Mapping[str, str] = {
            "FELLESSKAP_DATABASE_URL": postgres.create(DATABASE),
            "FELLESSKAP_POOL_SIZE": "8",
        }
        house = Installation(root / "house", env)
        made = Building(root / "house", house, postgres, broker)
        ends.callback(made.close)
        ends.callback(house.stop)
        ends.callback(made.kill_all)
        made.set_up(seed)
        yield made
