"""What an operator sees with any MQTT client: retained presence and state of every locker."""

import json
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_protocol.topics import every_locker, parse

Json = dict[str, Any]


class OperatorView:
    """Subscribes with the operator's credentials and keeps everything that comes."""

    def __init__(self, broker: Json) -> None:
        self.seen: list[tuple[float, str, str, Json]] = []
        self.granted = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(broker["username"], broker["password"])
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect(broker["host"], broker["port"])
        self._client.loop_start()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(every_locker("presence"), 0), (every_locker("state"), 0)])

    def _on_subscribe(self, _client: object, _data: object, _mid: int, codes: Any, _p: Any) -> None:
        if not any(code.is_failure for code in codes):
            self.granted.set()

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        topic = parse(message.topic)
        row = (time.monotonic(), topic.locker_id, topic.kind, json.loads(message.payload))
        self.seen.append(row)

    def doors(self, locker_id: str) -> dict[int, Json]:
        """Return the newest state of each compartment of a locker."""
        for _, locker, kind, body in reversed(self.seen):
            if locker == locker_id and kind == "state":
                return {row["number"]: row for row in body["compartments"]}
        return {}

    def online(self, locker_id: str) -> bool:
        """Return what presence says last."""
        for _, locker, kind, body in reversed(self.seen):
            if locker == locker_id and kind == "presence":
                return bool(body["online"])
        return False

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
