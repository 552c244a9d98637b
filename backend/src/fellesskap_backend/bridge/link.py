"""One connection to the broker, made again whenever it is lost; no word about the protocol.

paho's thread does nothing but post what comes (an exception in a callback would end it). QoS 0,
clean sessions; a refused subscription is a fault: logged, and tried again on a new connection.
"""

import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_backend.settings import Login

log = logging.getLogger(__name__)
KEEPALIVE_S = 30
RECONNECT_S, RECONNECT_S_MAX = 0.2, 30.0
"""Full jitter up to this, doubling: after a broker's restart nobody returns in step."""
STOP_S_MAX = 10.0


class Came(NamedTuple):
    """A message as it came, unread."""

    topic: str
    payload: bytes
    retained: bool
    number: int = 0
    """Which of all that came it is, from 1 on; 0: nobody counts."""


class Link:
    """Keeps the subscriptions alive until it is stopped; `post` must not block."""

    def __init__(
        self, login: Login, subscriptions: Sequence[str], post: Callable[[Came], None]
    ) -> None:
        self._login = login
        self._subscriptions = tuple(subscriptions)
        self._post = post
        self.came = 0
        """How many messages came."""
        self._client: mqtt.Client | None = None
        self._stopping = threading.Event()
        self._subscribed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)

    @property
    def up(self) -> bool:
        """Whether the broker took the subscriptions of the present connection."""
        return self._subscribed.is_set()

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end."""
        self._stopping.set()
        client = self._client
        if client is not None:
            client.disconnect()
        if self._thread.is_alive():
            self._thread.join(STOP_S_MAX)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message if there is a connection; else it is lost, as any message may be."""
        client = self._client
        if client is not None:
            client.publish(topic, payload, qos=0)

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            served = self._serve()
            tries = 0 if served else tries + 1
            most = min(RECONNECT_S * 2.0 ** min(tries, 10), RECONNECT_S_MAX)
            self._stopping.wait(random.uniform(0, most))  # noqa: S311 - jitter

    def _serve(self) -> bool:
        """Hold one connection until it is lost; return whether it ever was of use."""
        client = self._made()
        try:
            client.connect(self._login["host"], self._login["port"], KEEPALIVE_S)
        except OSError as error:
            log.warning("no connection to the broker: %s", type(error).__name__)
            return False
        self._client = client
        if not self._stopping.is_set():
            # Run here and not in a thread of paho's, so that `publish` writes to the socket itself
            # and need not wait for another thread's turn.
            client.loop_forever(retry_first_connection=False)
        self._client = None
        served = self._subscribed.is_set()
        self._subscribed.clear()
        return served

    def _made(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        client.username_pw_set(self._login["username"], self._login["password"])
        if self._login["tls"]:
            client.tls_set_context(ssl.create_default_context())
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: mqtt.Client, _data: object, _flags: object, code: Any, _properties: object
    ) -> None:
        if code.is_failure:
            log.error("the broker refuses us: %s", code)
            client.disconnect()
            return
        client.subscribe([(one, 0) for one in self._subscriptions])

    def _on_subscribe(
        self, client: mqtt.Client, _data: object, _mid: int, codes: Any, _properties: object
    ) -> None:
        refused = [
            one for one, code in zip(self._subscriptions, codes, strict=False) if code.is_failure
        ]
        if refused:
            log.error("the broker refuses subscriptions: %s", ", ".join(refused))
            client.disconnect()
            return
        log.info("connected to the broker")
        self._subscribed.set()

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.came += 1
        self._post(Came(message.topic, bytes(message.payload), message.retain, self.came))


def _no_delay(_client: object, _data: object, line: Any) -> None:
    """Send small messages at once: Nagle against delayed ACK costs 88 ms a round trip."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
