"""What goes over the wire between lockers and backend, for whoever looks through it."""

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_protocol.signing import unb64url
from fellesskap_protocol.topics import KINDS, every_locker
from tests.system.brokers import Broker

SIGNED_PARTS = 3
"""A signed message is a head, what it says, and the signature, with dots between."""


class Overheard:
    """Every message between lockers and backend, as whoever runs the broker could read it."""

    def __init__(self, broker: Broker) -> None:
        self.texts: list[tuple[str, bytes]] = []
        login = broker.login("backend")
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(login["username"], login["password"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._heard
        self._client.connect(login["host"], login["port"])
        self._client.loop_start()

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(every_locker(kind), 1) for kind in KINDS])

    def _heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        parts = message.payload.split(b".")
        said = unb64url(parts[1].decode()) if len(parts) == SIGNED_PARTS else bytes(message.payload)
        self.texts += [(message.topic, message.topic.encode()), (message.topic, said)]

    def close(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()
