"""What the embedded broker keeps under the state directory: ports, users, configuration, pid.

Several processes come here (`serve`, `locker provision`); `locked` lets them in one by one.
"""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fellesskap_backend import secrets
from fellesskap_backend.settings import Login
from fellesskap_protocol.topics import DOWNLINK, UPLINK, Kind, every_locker, topic

HOST = "127.0.0.1"
LOCKER_USER = "locker-"
PAYLOAD_BYTES_MAX = 64 * 1024 + 1024
"""`MESSAGE_BYTES_MAX` and the topic."""


class BrokerFolder:
    """What the broker keeps under the state directory."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.path = (state / "broker").absolute()
        self.config = self.path / "nats.conf"
        self.pid_file = self.path / "nats.pid"
        self._facts = self.path / "broker.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change what is kept here."""
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path.mkdir(exist_ok=True, mode=0o700)
        with (self.path / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def ports(self) -> tuple[int, int]:
        """Return the MQTT port and the server's own, the same at every start."""
        mqtt, own = self._read()["ports"]
        return int(mqtt), int(own)

    def login(self, username: str) -> Login:
        """Return how a user comes in."""
        return Login(
            host=HOST,
            port=self.ports()[0],
            username=username,
            password=secrets.load(self._state).broker_password(username),
            tls=False,
        )

    def add_locker(self, locker_id: str) -> bool:
        """Keep one more locker; return whether it is new."""
        facts = self._read()
        if locker_id in facts["lockers"]:
            return not self.config.exists()
        facts["lockers"] = sorted([*facts["lockers"], locker_id])
        _write_whole(self._facts, json.dumps(facts, indent=1))
        return True

    def _read(self) -> dict[str, list[str]]:
        if not self._facts.exists():
            ports = [str(port) for port in _free_ports(2)]
            _write_whole(self._facts, json.dumps({"ports": ports, "lockers": []}, indent=1))
        facts: dict[str, list[str]] = json.loads(self._facts.read_text())
        return facts

    def write_config(self) -> None:
        """Write the configuration: loopback only, a user per role and locker.

        Each has its topics and nothing else. A stream's consumers are not limited: every
        subscription with QoS 1 would be one, and the default of 1,000 is refused silently.
        """
        facts = self._read()
        mqtt, own = facts["ports"]
        kept = secrets.load(self._state)

        def user(name: str, says: list[str], hears: list[str]) -> str:
            may = json.dumps({"publish": _only(says), "subscribe": _only(hears)})
            password = json.dumps(kept.broker_password(name))
            return f"    {{ user: {json.dumps(name)}, password: {password}, permissions: {may} }}"

        uplink: tuple[Kind, ...] = (*UPLINK, "presence")
        users = [
            user("backend", [_any(kind) for kind in DOWNLINK], [_any(kind) for kind in uplink]),
            user("operator", [], [_any("presence"), _any("state")]),
        ]
        for locker_id in facts["lockers"]:
            says = [_subject(topic(locker_id, kind)) for kind in (*uplink, "state", "telemetry")]
            hears = [_subject(topic(locker_id, kind)) for kind in (*DOWNLINK, "presence")]
            users.append(user(LOCKER_USER + locker_id, says, hears))
        store = json.dumps(str(self.path / "store"))
        lines = [
            "server_name: fellesskap",
            f'listen: "{HOST}:{own}"',
            f"pid_file: {json.dumps(str(self.pid_file))}",
            f"max_payload: {PAYLOAD_BYTES_MAX}",
            f"jetstream {{ store_dir: {store}, limits {{ default_max_consumers: -1 }} }}",
            f'mqtt {{ listen: "{HOST}:{mqtt}" }}',
            "authorization {",
            "  users: [",
            *users,
            "  ]",
            "}",
        ]
        _write_whole(self.config, "\n".join(lines) + "\n")

    def running(self) -> int | None:
        """Return the process id of the server that runs on this folder."""
        try:
            pid = int(self.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self.config).encode() in command else None


def _only(subjects: list[str]) -> dict[str, list[str] | str]:
    return {"allow": subjects} if subjects else {"deny": ">"}


def _any(kind: Kind) -> str:
    return _subject(every_locker(kind)).replace("+", "*")


def _subject(mqtt_topic: str) -> str:
    """Return a topic as nats-server names it; ids hold no dot, so that each has one name."""
    return mqtt_topic.replace("/", ".")


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _write_whole(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
