"""The fault proxy between a real MQTT client and a real broker."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.nemesis.framing import PUBLISH, Packet
from tests.nemesis.proxy import Direction, Line, Proxy, Weather
from tests.system.brokers import Broker
from tests.system.house import wait_for

pytestmark = pytest.mark.slow
SEED = 1
COUNT = 200


class Ear:
    """A client that hears its own numbers come back by way of a line."""

    def __init__(self, broker: Broker, line: Line) -> None:
        self.heard: list[int] = []
        self.up = threading.Event()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        login = broker.login("backend")
        self.client.username_pw_set(login["username"], login["password"])
        self.client.on_connect = lambda client, *_: client.subscribe("numbers")
        self.client.on_subscribe = lambda *_: self.up.set()
        self.client.on_disconnect = lambda *_: self.up.clear()
        self.client.on_message = self._came
        self.client.connect("127.0.0.1", line.port)
        self.client.loop_start()
        assert self.up.wait(10)

    def _came(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.heard.append(int(message.payload))

    def say(self, numbers: range) -> None:
        for number in numbers:
            self.client.publish("numbers", str(number).encode())

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Stage:
    def __init__(self, folder: Path) -> None:
        self.broker = Broker("nats", folder / "broker").start()
        self.proxy = Proxy()
        self.seen: list[tuple[str, Direction, int]] = []
        self.line = self.proxy.line("a", self.broker.port, SEED, self._observe)
        self.ear = Ear(self.broker, self.line)

    def _observe(self, line: str, direction: Direction, packet: Packet) -> None:
        self.seen.append((line, direction, packet.type))

    def close(self) -> None:
        self.ear.close()
        self.proxy.close()
        self.broker.stop()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def test_in_good_weather_all_comes_once_and_in_order(stage: Stage) -> None:
    stage.ear.say(range(COUNT))
    wait_for("all", lambda: len(stage.ear.heard) >= COUNT)
    assert stage.ear.heard == list(range(COUNT))
    passed = [where for where in stage.seen if where[2] == PUBLISH]
    assert passed.count(("a", "up", PUBLISH)) == passed.count(("a", "down", PUBLISH)) == COUNT


def test_loss_doubling_and_delay_are_of_whole_messages_and_the_connection_stays(
    stage: Stage,
) -> None:
    stage.proxy.weather("a", Weather(lost=0.2, doubled=0.2, delayed=0.3, delay_s=0.05))
    stage.ear.say(range(COUNT))
    done = stage.line.done
    wait_for("all passed", lambda: sum(way[1] == "up" for way in stage.seen) >= COUNT + 2)
    stage.proxy.weather("a", Weather())
    stage.ear.say(range(COUNT, COUNT + 1))
    wait_for("the last", lambda: COUNT in stage.ear.heard)
    wait_for("the late ones", lambda: stage.ear.heard.count(max(stage.ear.heard)) == 1)
    heard = stage.ear.heard
    assert done["lost"] > 20
    assert done["doubled"] > 20
    assert set(heard) <= set(range(COUNT + 1))
    assert len(set(heard)) < COUNT + 1, "some were lost"
    assert len(heard) > len(set(heard)), "some came twice"
    assert heard != sorted(heard), "some were overtaken"
    assert stage.ear.up.is_set()


def test_what_stands_still_comes_when_it_is_over(stage: Stage) -> None:
    stage.proxy.weather("a", Weather(still=frozenset({"down"})))
    stage.ear.say(range(5))
    wait_for("all held", lambda: stage.line.done["held"] >= 5)
    assert stage.ear.heard == []
    stage.proxy.weather("a", Weather())
    wait_for("all", lambda: stage.ear.heard == list(range(5)))


def test_one_way_still_up_is_not_still_down(stage: Stage) -> None:
    other = Ear(stage.broker, stage.proxy.line("b", stage.broker.port, SEED, stage._observe))
    stage.proxy.weather("a", Weather(still=frozenset({"up"})))
    stage.ear.say(range(5))
    other.say(range(5, 10))
    wait_for("the others'", lambda: stage.ear.heard == list(range(5, 10)))
    other.close()


def test_a_cut_is_noticed_and_a_mute_line_takes_connections_and_says_nothing(
    stage: Stage,
) -> None:
    stage.proxy.weather("a", Weather(mute=True))
    stage.proxy.cut("a")
    wait_for("the cut is noticed", lambda: not stage.ear.up.is_set())
    with socket.create_connection(("127.0.0.1", stage.line.port)) as caller:
        caller.sendall(b"\xc0\x00")
        wait_for("it is taken", lambda: stage.line.done["unanswered"] >= 1)
        caller.setblocking(False)
        with pytest.raises(BlockingIOError):
            caller.recv(1)
    stage.proxy.weather("a", Weather())
    again = Ear(stage.broker, stage.line)
    again.say(range(3))
    wait_for("all", lambda: again.heard == list(range(3)))
    again.close()


def test_a_slow_line_is_as_slow_as_it_is_told(stage: Stage) -> None:
    stage.proxy.weather("a", Weather(bytes_per_s=1_000))
    begun = time.monotonic()
    stage.ear.say(range(10, 30))  # 13 bytes each, once up and once down
    wait_for("all", lambda: len(stage.ear.heard) == 20)
    assert stage.ear.heard == list(range(10, 30))
    assert time.monotonic() - begun > 20 * 13 / 1_000
