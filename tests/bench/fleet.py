"""A thousand lockers of one thread: signed births and journals over a real broker, no boards.

Each says its birth, and the next stretch of its journal when the last was acknowledged.
"""

import queue
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_protocol.topics import Kind, parse, topic
from tests.system.house import Json

Said = tuple[Kind, bytes]
PATIENCE_S = 30.0


def tell(login: Json, what: Mapping[str, Sequence[Said]], at_once: int) -> int:
    """Say what each locker has to say, so many lockers at a time; return how often it was answered.

    Raises `queue.Empty` when nothing is answered for half a minute.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = _connected(login, answers)
    waiting = deque(what)
    left = {locker_id: deque(said) for locker_id, said in what.items()}
    answered = 0

    def say_next(locker_id: str) -> None:
        kind, payload = left[locker_id].popleft()
        client.publish(topic(locker_id, kind), payload, qos=0)

    for _ in range(min(at_once, len(waiting))):
        say_next(waiting.popleft())
    open_ones = sum(len(said) for said in what.values())
    while answered < open_ones:
        locker_id = answers.get(timeout=PATIENCE_S)
        answered += 1
        if left[locker_id]:
            say_next(locker_id)
        elif waiting:
            say_next(waiting.popleft())
    client.disconnect()
    client.loop_stop()
    return answered


def _connected(login: Json, answers: "queue.SimpleQueue[str]") -> mqtt.Client:
    made = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    made.username_pw_set(login["username"], login["password"])
    ready = threading.Event()

    def heard(_client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        answers.put(parse(message.topic).locker_id)

    made.on_connect = lambda one, *_: one.subscribe("fellesskap/v1/+/+/ack")
    made.on_subscribe = lambda *_: ready.set()
    made.on_message = heard
    made.connect(login["host"], login["port"])
    made.loop_start()
    assert ready.wait(10)
    return made
