"""The backend's side of the wire by hand: real signatures, real MQTT, and any message one likes.

For tests and benchmarks of a real edge daemon: it provisions the daemon with keys of its own,
acknowledges the journal (or does not), and sends rights and commands as they are told.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import paho.mqtt.client as mqtt
from msgspec import structs
from paho.mqtt.enums import CallbackAPIVersion

from fellesskap_protocol.codes import locker_key, mac
from fellesskap_protocol.events import AnyEvent
from fellesskap_protocol.messages import (
    Ack,
    Batch,
    Birth,
    Command,
    Keys,
    Result,
    Right,
    Rights,
    VerificationKey,
    decode_event,
)
from fellesskap_protocol.signing import PublicKey, SigningKey, b64url, seal, unb64url, unseal
from fellesskap_protocol.topics import Kind, every_locker, parse, topic
from tests.system.house import wait_for

Json = dict[str, Any]
E = TypeVar("E", bound=AnyEvent)
INSTALLATION = "test-installation"
RESEND_S = 1.0


class ThinBackend:
    """One installation of one locker."""

    def __init__(self, login: Json, locker_id: str) -> None:
        self.locker_id = locker_id
        self.root, self.key = SigningKey(os.urandom(32)), SigningKey(os.urandom(32))
        self.k_locker = locker_key(os.urandom(32), locker_id, 1)
        self.devices: dict[str, PublicKey] = {}
        self.births: list[Birth] = []
        self.batches: list[Batch] = []
        self.results: list[Result] = []
        self.events: list[AnyEvent] = []
        self.acking = True
        self.generation, self.revision = 1, 0
        self._lock = threading.Lock()
        self._login = login
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(login["username"], login["password"])
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(login["host"], login["port"])
        self._client.loop_start()

    def provision(self, identity: Json, locker_login: Json) -> Json:
        """Take a device in and return its provision.json."""
        public = PublicKey(unb64url(identity["public_key"]))
        self.devices[public.kid] = public
        keys = Keys(
            iat=int(time.time()),
            iss=INSTALLATION,
            aud=self.locker_id,
            version=1,
            keys=(VerificationKey(kid=self.key.kid, x=b64url(self.key.public.raw)),),
            revoked=(),
        )
        return {
            "installation": INSTALLATION,
            "locker_id": self.locker_id,
            "device_id": identity["device_id"],
            "k_locker": b64url(self.k_locker),
            "k_version": 1,
            "root_key": b64url(self.root.public.raw),
            "keys": seal(keys, self.root).decode(),
            "broker": locker_login,
        }

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(every_locker(kind), 0) for kind in ("birth", "journal", "results")])

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        kind = parse(message.topic).kind
        if kind == "birth":
            birth = unseal(Birth, bytes(message.payload), self.devices, aud=INSTALLATION)
            with self._lock:
                self.births.append(birth)
            if self.acking:
                self.ack(birth, challenge=birth.challenge)
        elif kind == "journal":
            batch = unseal(Batch, bytes(message.payload), self.devices, aud=INSTALLATION)
            self._record(batch)
            if self.acking:
                self.ack(batch)
        else:
            result = unseal(Result, bytes(message.payload), self.devices, aud=INSTALLATION)
            with self._lock:
                self.results.append(result)

    def _record(self, batch: Batch) -> None:
        with self._lock:
            self.batches.append(batch)
            for stored in batch.events:
                event = decode_event(stored)
                if event.seq == len(self.events) + 1:
                    self.events.append(event)

    def ack(
        self, answered: Birth | Batch, *, seq: int | None = None, challenge: str | None = None
    ) -> None:
        """Acknowledge up to `seq` (by default what was recorded)."""
        self.send(
            "ack",
            Ack(
                **self._head(),
                epoch=answered.epoch,
                boot_id=answered.boot_id,
                session=answered.session,
                challenge=challenge,
                acked_seq=len(self.events) if seq is None else seq,
                verdict="ok",
                protocol=1,
            ),
        )

    def _head(self) -> Json:
        return {"iat": int(time.time()), "iss": INSTALLATION, "aud": self.locker_id}

    def send(self, kind: Kind, message: Ack | Rights | Command | Keys) -> bytes:
        """Sign and publish; return the bytes, to be sent again or altered."""
        token = seal(message, self.key)
        self.publish(kind, token)
        return token

    def publish(self, kind: Kind, payload: bytes) -> None:
        """Publish any bytes on a topic of the locker."""
        self._client.publish(topic(self.locker_id, kind), payload, qos=0)

    def rights(self, put: tuple[Right, ...] = (), remove: tuple[str, ...] = ()) -> Rights:
        """Make the next revision as one message, unsent."""
        birth = wait_for("a birth", lambda: self.births[-1] if self.births else None)
        begun, self.revision = self.revision, self.revision + 1
        return Rights(
            **self._head(),
            epoch=birth.epoch,
            generation=self.generation,
            from_=begun,
            to=self.revision,
            part=1,
            parts=1,
            put=put,
            remove=remove,
        )

    def send_parts(self, whole: Rights, order: tuple[int, ...]) -> None:
        """Send a change in as many parts as it puts rights, in the given order of parts."""
        parts = len(whole.put)
        for number in order:
            put = (whole.put[number - 1],)
            self.send("rights", structs.replace(whole, part=number, parts=parts, put=put))

    def grant(self, *put: Right, remove: tuple[str, ...] = ()) -> None:
        """Send the next revision until the locker reports it applied."""
        message = self.rights(put, remove)
        sent_at = 0.0

        def applied() -> bool:
            nonlocal sent_at
            if time.monotonic() - sent_at > RESEND_S:
                self.send("rights", message)
                sent_at = time.monotonic()
            return any(
                batch.generation == message.generation and batch.revision >= message.to
                for batch in self.batches
            )

        wait_for(f"revision {message.to} applied", applied)

    def claim(self, number: int, label: str, code12: str, **fields: Any) -> Right:
        """Make a claim for one small parcel, with the MACs of label and code."""
        right: Json = {
            "id": f"01930000-0000-7000-8000-{number:012d}",
            "kind": "claim",
            "carrier_id": "01930000-0000-7000-9000-000000000001",
            "parcel_id": f"01930000-0000-7000-a000-{number:012d}",
            "label_macs": (mac(self.k_locker, "label", label),),
            "w_mm": 300,
            "h_mm": 100,
            "d_mm": 200,
            "g": 900,
            "code_mac": mac(self.k_locker, "code", code12[:8]),
            "long_code_mac": mac(self.k_locker, "long_code", code12),
        }
        return Right(**{**right, **fields})

    def command(self, jti: str, compartment: int, challenge: str, **fields: Any) -> Command:
        """Make an `open_door`, unsent."""
        command: Json = {
            **self._head(),
            "jti": jti,
            "kind": "open_door",
            "compartment": compartment,
            "actor_class": "operator",
            "reason_code": "test",
            "exp": int(time.time()) + 30,
            "challenge": challenge,
        }
        return Command(**{**command, **fields})

    def recorded(self, kind: type[E], where: Callable[[E], bool] = lambda _: True) -> list[E]:
        """Return the recorded events of one type."""
        with self._lock:
            return [event for event in self.events if isinstance(event, kind) and where(event)]

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
