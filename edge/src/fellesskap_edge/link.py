"""MQTT 3.1.1 to the broker: connect, subscribe, publish, say when the connection is gone. paho.

A thin adapter: one thread that connects and reconnects with full jitter, callbacks that only post.
QoS 0 and a clean session; nothing rests on the broker (docs/decisions/0002).
"""

import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_edge.identity import Broker
from fellesskap_edge.inbox import Inward, LinkDown, LinkMessage, LinkUp, Publish
from fellesskap_edge.watchdog import Beat
from fellesskap_protocol.topics import DOWNLINK, InvalidTopic, Kind, parse, topic

log = logging.getLogger(__name__)
KEEPALIVE_S = 30
RECONNECT_S, RECONNECT_S_MAX = 0.5, 300.0
"""Full jitter up to five minutes: 100,000 lockers after an outage come back at 333 a second."""
SUBSCRIPTIONS: tuple[Kind, ...] = (*DOWNLINK, "presence")


class Link:
    """The connection of one locker; `will` is set before `start` and after each connect."""

    def __init__(self, broker: Broker, locker_id: str, post: Callable[[Inward], None]) -> None:
        self.will = b""
        self._broker = broker
        self._locker_id = locker_id
        self._post = post
        self._client: mqtt.Client | None = None
        self._ending = threading.Event()
        self._tries = 0
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    @property
    def beat(self) -> Beat:
        """Whether the thread runs; it may wait long for the network."""
        return Beat("link", self._thread.is_alive())

    def start(self) -> None:
        """Connect, now and again."""
        self._thread.start()

    def publish(self, message: Publish) -> None:
        """Send one message; without a connection it is lost, and our own timers send it again."""
        client = self._client
        if client is not None and client.is_connected():
            client.publish(
                topic(self._locker_id, message.kind),
                message.payload,
                qos=0,
                retain=message.retained,
            )

    def stop(self) -> None:
        """Disconnect; the broker publishes the will only if we do not say goodbye."""
        self._ending.set()
        if self._client is not None:
            self._client.disconnect()
        self._thread.join(5)

    def _run(self) -> None:
        said = ""
        while not self._ending.is_set():
            client = self._client = self._made()
            try:
                client.connect(self._broker.host, self._broker.port, KEEPALIVE_S)
                client.loop_forever(retry_first_connection=False)
            except OSError as error:
                if str(error) != said:
                    log.warning("broker: %s", error)
                said = str(error)
            self._post(LinkDown())
            self._tries += 1
            most = min(RECONNECT_S * 2.0 ** min(self._tries, 12), RECONNECT_S_MAX)
            self._ending.wait(random.uniform(0, most))  # noqa: S311 (spreads load, guards nothing)

    def _made(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311, reconnect_on_failure=False
        )
        client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set_context(ssl.create_default_context())
        client.will_set(topic(self._locker_id, "presence"), self.will, qos=0, retain=True)
        client.on_socket_open = _without_nagle
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _props: Any
    ) -> None:
        if reason.is_failure:
            log.warning("broker: refused the login: %s", reason)
            return
        client.subscribe([(topic(self._locker_id, kind), 0) for kind in SUBSCRIPTIONS])

    def _on_subscribe(
        self, client: mqtt.Client, _data: Any, _mid: int, reasons: Any, _props: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("broker: refused a subscription; this locker would not hear the backend")
            client.disconnect()
            return
        self._tries = 0
        self._post(LinkUp())

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            kind = parse(message.topic).kind
        except InvalidTopic as error:
            log.warning("broker: %s", error)
            return
        self._post(LinkMessage(kind, bytes(message.payload), retained=message.retain))


def _without_nagle(_client: Any, _data: Any, sock: Any) -> None:
    """Send small messages at once: Nagle against delayed ACK costs 88 ms a round trip."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
