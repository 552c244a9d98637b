"""Many thin edges on one connection to a real broker, driven by one thread."""

import heapq
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_backend import db, secrets
from fellesskap_backend.lockers.tables import Device, Locker
from fellesskap_backend.migrations import upgrade
from fellesskap_backend.settings import Settings
from fellesskap_edge import uplink
from fellesskap_protocol.signing import b64url
from fellesskap_protocol.topics import every_locker, parse
from tests.bench.limits import without_nagle
from tests.bench.thin_edge import ThinEdge
from tests.system.brokers import Broker
from tests.system.house import NeverHappened

SETTLED_S_MAX = 600.0


class Fleet:
    """So many lockers, provisioned, each with a device of its own."""

    def __init__(
        self, settings: Settings, broker: Broker, count: int, *, trusting: bool = False
    ) -> None:
        settings.state.mkdir(parents=True, mode=0o700)
        kept = secrets.load(settings.state)
        self._came: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._client = _client(broker.login("locker"), self._came.put)
        names = [f"bench-{number}" for number in range(count)]
        self.edges = {name: ThinEdge(kept, name, self._say, trusting=trusting) for name in names}
        self._due: list[tuple[float, str]] = []
        _provision(settings, list(self.edges.values()))

    def _say(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=0)

    @property
    def owes(self) -> int:
        """How many events of all lockers are not acknowledged."""
        return sum(one.owes for one in self.edges.values())

    @property
    def events(self) -> int:
        """How many events all lockers have journalled."""
        return sum(one.head_seq for one in self.edges.values())

    def each(self, act: Callable[[ThinEdge], None]) -> None:
        """Let every locker do something."""
        for one in self.edges.values():
            act(one)
            self._note(one)

    def run(self, what: str, until: Callable[[], bool]) -> None:
        """Hear and send until a state is reached; raise `NeverHappened`."""
        deadline = time.monotonic() + SETTLED_S_MAX
        looked_at = 0.0
        while True:
            now = time.monotonic()
            if now - looked_at > 0.1:
                looked_at = now
                if until():
                    return
                if now > deadline:
                    raise NeverHappened(f"{what}: {self.owes} events are not acknowledged")
            self._tick(now)
            try:
                topic, payload = self._came.get(timeout=self._wait_s(now))
            except queue.Empty:
                continue
            where = parse(topic)
            if where.locker_id in self.edges:
                edge = self.edges[where.locker_id]
                edge.hear(where.kind, payload)
                self._note(edge)

    def _wait_s(self, now: float) -> float:
        first = self._due[0][0] if self._due else now + 0.1
        return max(0.0, min(first - now, 0.1))

    def _note(self, edge: ThinEdge) -> None:
        if edge.wake_at < float("inf"):
            heapq.heappush(self._due, (edge.wake_at, edge.locker_id))

    def _tick(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, locker_id = heapq.heappop(self._due)
            edge = self.edges[locker_id]
            if edge.wake_at <= now:
                edge.step(uplink.Tick())
                self._note(edge)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def _client(login: dict[str, Any], came: Callable[[tuple[str, bytes]], None]) -> mqtt.Client:
    made = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    made.username_pw_set(login["username"], login["password"])
    ready = threading.Event()
    made.on_socket_open = without_nagle
    hears = [(every_locker(kind), 0) for kind in ("ack", "rights")]
    made.on_connect = lambda one, *_: one.subscribe(hears)
    made.on_subscribe = lambda *_: ready.set()
    made.on_message = lambda _one, _data, message: came((message.topic, bytes(message.payload)))
    made.connect(login["host"], login["port"])
    made.loop_start()
    assert ready.wait(10)
    return made


def _provision(settings: Settings, edges: Sequence[ThinEdge]) -> None:
    engine = db.engine(settings)
    upgrade(engine)
    now = datetime.now(UTC)
    with db.writing(engine) as session:
        session.add_all(
            Locker(id=one.locker_id, site_name="B", address="B", created_at=now) for one in edges
        )
        session.flush()
        session.add_all(
            Device(
                id=f"device-{one.locker_id}",
                locker_id=one.locker_id,
                public_key=b64url(one.key.public.raw),
                kid=one.key.kid,
                claimed_at=now,
            )
            for one in edges
        )
    engine.dispose()
