"""The embedded broker: real nats-server, real MQTT clients."""

import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_backend.broker import EmbeddedBroker, lets_in, locker_login
from fellesskap_backend.settings import Login
from fellesskap_protocol.messages import MESSAGE_BYTES_MAX
from fellesskap_protocol.topics import every_locker, topic
from tests.system.house import wait_for


class Client:
    """An MQTT client that keeps what it hears and how its subscriptions were answered."""

    def __init__(self, login: Login, *subscriptions: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.refused: list[bool] = []
        self._subscribed = threading.Event()
        self._subscriptions = subscriptions
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(login["username"], login["password"])
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = lambda *said: self.heard.append((said[2].topic, said[2].payload))
        self.client.connect(login["host"], login["port"])
        self.client.loop_start()
        assert self._subscribed.wait(10)

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        if self._subscriptions:
            client.subscribe([(one, 0) for one in self._subscriptions])
        else:
            self._subscribed.set()

    def _on_subscribe(self, _c: object, _d: object, _mid: int, codes: Any, _p: object) -> None:
        self.refused = [code.is_failure for code in codes]
        self._subscribed.set()

    def say(self, where: str, what: bytes, *, retain: bool = False) -> None:
        self.client.publish(where, what, qos=0, retain=retain)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    made = EmbeddedBroker(tmp_path / "state")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_backend_and_locker_talk_and_the_operator_looks_on(broker: EmbeddedBroker) -> None:
    backend = Client(broker.login("backend"), every_locker("birth"))
    locker = Client(broker.login("oslo-1"), topic("oslo-1", "ack"), topic("oslo-1", "presence"))
    operator = Client(broker.login("operator"), every_locker("presence"), every_locker("state"))
    try:
        assert not any(backend.refused + locker.refused + operator.refused)
        big = b"x" * MESSAGE_BYTES_MAX
        locker.say(topic("oslo-1", "birth"), big)
        wait_for("the birth", lambda: backend.heard)
        assert backend.heard == [(topic("oslo-1", "birth"), big)]
        backend.say(topic("oslo-1", "ack"), b"ack")
        locker.say(topic("oslo-1", "presence"), b"here", retain=True)
        wait_for("the ack", lambda: (topic("oslo-1", "ack"), b"ack") in locker.heard)
        wait_for("presence", lambda: operator.heard)
        late = Client(broker.login("operator"), every_locker("presence"))
        wait_for("what was retained", lambda: late.heard)
        late.close()
    finally:
        for client in (backend, locker, operator):
            client.close()


def test_a_locker_neither_hears_nor_speaks_for_another(broker: EmbeddedBroker) -> None:
    backend = Client(broker.login("backend"), every_locker("birth"), every_locker("results"))
    rogue = Client(
        broker.login("oslo-1"),
        topic("oslo-2", "ack"),
        every_locker("commands"),
        topic("oslo-1", "ack"),
        "#",
    )
    try:
        assert rogue.refused == [True, True, False, True]
        rogue.say(topic("oslo-2", "birth"), b"forged")
        rogue.say(topic("oslo-1", "ack"), b"forged")
        rogue.say(topic("oslo-1", "results"), b"own")
        wait_for("its own", lambda: backend.heard)
        assert backend.heard == [(topic("oslo-1", "results"), b"own")]
        assert rogue.heard == []
    finally:
        rogue.close()
        backend.close()


def test_an_operator_can_only_look(broker: EmbeddedBroker) -> None:
    backend = Client(broker.login("backend"), every_locker("birth"))
    locker = Client(broker.login("oslo-1"), topic("oslo-1", "commands"))
    operator = Client(broker.login("operator"), every_locker("journal"), every_locker("state"))
    try:
        assert operator.refused == [True, False]
        operator.say(topic("oslo-1", "commands"), b"forged")
        operator.say(topic("oslo-1", "birth"), b"forged")
        backend.say(topic("oslo-1", "commands"), b"true")
        wait_for("a command", lambda: locker.heard)
        assert [what for _, what in locker.heard] == [b"true"]
        assert backend.heard == []
    finally:
        for client in (backend, locker, operator):
            client.close()


def test_a_wrong_password_is_refused(broker: EmbeddedBroker) -> None:
    login = broker.login("oslo-1")
    assert lets_in(login)
    assert not lets_in(Login(**{**login, "password": "guessed"}))
    assert not lets_in(Login(**{**login, "username": "locker-oslo-9"}))


def test_a_locker_is_taken_in_beside_the_running_server(
    broker: EmbeddedBroker, state: Path
) -> None:
    first = Client(locker_login(state, "oslo-1"), topic("oslo-1", "ack"))
    try:
        assert lets_in(locker_login(state, "oslo-2"))
        assert locker_login(state, "oslo-2") == broker.login("oslo-2")
        assert first.client.is_connected()
    finally:
        first.close()


def test_a_locker_is_taken_in_before_the_first_start(state: Path) -> None:
    login = locker_login(state, "oslo-1")
    broker = EmbeddedBroker(state)
    address = broker.start()
    try:
        assert (address.host, address.port) == (login["host"], login["port"])
        assert lets_in(login)
    finally:
        broker.stop()
    assert not lets_in(login)


def test_killed_it_comes_back_on_its_port(broker: EmbeddedBroker) -> None:
    login, pid = broker.login("oslo-1"), broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for("another process", lambda: broker.pid != pid and lets_in(login))


def test_a_server_left_by_a_killed_run_gives_way(state: Path) -> None:
    left = EmbeddedBroker(state)
    left.start()
    pid = left.pid
    broker = EmbeddedBroker(state)
    left._stopping.set()  # its keeper died with the process that was killed
    try:
        broker.start()
        assert broker.pid != pid
        assert lets_in(broker.login("backend"))
    finally:
        broker.stop()
        left.stop()


def test_only_the_owner_reads_what_it_keeps(broker: EmbeddedBroker, state: Path) -> None:
    broker.login("oslo-1")
    for path in (state / "broker").rglob("*"):
        if path.is_file() and path.name in ("nats.conf", "broker.json"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((state / "broker").stat().st_mode) == 0o700
