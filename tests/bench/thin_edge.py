"""Edges without boards: the real `uplink`, real signatures, a chained journal in memory.

A thin edge does what a locker does whose every parcel is put in and collected at once. It opens
nothing, and its journal is not durable: what is measured with it is the backend. A `trusting` one
does not verify what it is told, nor seal a batch anew that it sends again: a thousand lockers have
a thousand processors for that.
"""

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from fellesskap_backend.secrets import Secrets
from fellesskap_edge import uplink
from fellesskap_edge.facts import Position
from fellesskap_edge.state import RightsArrived
from fellesskap_edge.uplink import Draw, SendBatch, SendBirth, Uplink
from fellesskap_protocol import events
from fellesskap_protocol.messages import (
    Ack,
    Batch,
    Birth,
    Right,
    Rights,
    Signed,
    decode,
    encode,
    event_hash,
)
from fellesskap_protocol.signing import SigningKey, seal, unb64url, unseal
from fellesskap_protocol.topics import Kind, topic
from tests.backend.lockers import compartments

BATCH_EVENTS = 50
DOORS = 24
Say = Callable[[str, bytes], None]
T = TypeVar("T", bound=Signed)


class Lying(NamedTuple):
    """A parcel that lies behind a door, and the right that lets it go."""

    right: Right
    parcel_id: str
    compartment: int


class ThinEdge:
    """One locker; `say(topic, payload)` publishes. `collects` says whether it lets parcels go."""

    def __init__(
        self, secrets: Secrets, locker_id: str, say: Say, *, trusting: bool = False
    ) -> None:
        self.locker_id, self.key = locker_id, SigningKey(os.urandom(32))
        self.claims: list[Right] = []
        """What may be put in and was not."""
        self.collects = False
        self.collected = 0
        self._installation = secrets.installation
        self._keys = None if trusting else {secrets.signing.kid: secrets.signing.public}
        self._say, self._topics = say, {one: topic(locker_id, one) for one in ("birth", "journal")}
        self._stored: list[bytes] = []
        self._hash = events.GENESIS
        self._free = list(range(DOORS, 0, -1))
        self._lying: dict[str, Lying] = {}
        self._state = Uplink(boot_id=f"boot-{locker_id}", epoch=f"epoch-{locker_id}", head_seq=0)
        self._acts = 0
        self._sealed: tuple[object, bytes] = None, b""
        """The last batch, and what was in it."""
        self.commission()

    @property
    def wake_at(self) -> float:
        """When a tick would do something, on the monotonic clock."""
        return self._state.wake_at

    @property
    def head_seq(self) -> int:
        """How many events there are."""
        return len(self._stored)

    @property
    def owes(self) -> int:
        """How many events are not acknowledged."""
        return self.head_seq - self._state.acked_seq

    def commission(self) -> None:
        """Journal what a first start does."""
        self._store(events.StoreCreated(reason="commissioned"))
        self._store(events.HardwareDescribed(compartments=compartments(DOORS), digest="bench"))

    # Acts ----------------------------------------------------------------------------------------

    def deposit_all(self) -> None:
        """Put every parcel in for which there is a claim."""
        for right in self.claims:
            self._deposit(right)
        self.claims = []

    def live_all(self) -> None:
        """Put every parcel in and let it be collected, all of it before anything is sent."""
        self.deposit_all()
        for lying in list(self._lying.values()):
            self._collect(lying)

    def _deposit(self, right: Right) -> None:
        number = self._free.pop()
        lying = Lying(right, str(right.parcel_id), number)
        self._lying[right.id] = lying
        self._door(lying, "label")
        self._store(
            events.Deposited(
                parcel_id=lying.parcel_id,
                carrier_id=str(right.carrier_id),
                label_mac=right.label_macs[0],
                compartment=number,
                right_id=right.id,
                evidence="door",
            )
        )

    def _collect(self, lying: Lying) -> None:
        self.collected += 1
        del self._lying[lying.right.id]
        self._free.append(lying.compartment)
        self._door(lying, "code")
        self._store(
            events.Collected(
                parcel_id=lying.parcel_id,
                right_id=lying.right.id,
                compartment=lying.compartment,
                evidence="door",
            )
        )

    def _door(self, lying: Lying, kind: events.Presentation) -> None:
        self._acts += 1
        done: dict[str, Any] = {
            "authorisation_id": f"{self.locker_id}-{self._acts}",
            "compartment": lying.compartment,
        }
        right_id = lying.right.id
        presented = events.Presented(kind=kind, outcome="authorised", right_id=right_id, **done)
        self._store(presented)
        self._store(events.Pulsed(attempt=1, **done))
        self._store(events.DoorOpened(**done))
        self._store(events.DoorClosed(**done))

    def _store(self, event: events.Event) -> None:
        stamp = events.stamped(
            event,
            seq=len(self._stored) + 1,
            prev=self._hash,
            at=datetime.now(UTC),
            clock="trusted",
            boot_id=self._state.boot_id,
            mono_ms=int(time.monotonic() * 1000),
        )
        body = encode(stamp)
        self._stored.append(body)
        self._hash = event_hash(body)

    # The wire ------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Say who we are."""
        self.step(uplink.Connected())

    def journalled(self) -> None:
        """Let the uplink send what was journalled."""
        self.step(uplink.Journalled(self.head_seq, self._state.position))

    def hear(self, kind: Kind, payload: bytes) -> None:
        """Verify a message of the backend and take it in."""
        if kind == "ack":
            self.step(uplink.AckCame(self._read(Ack, payload)))
        elif kind == "rights":
            self.step(uplink.RightsCame(self._read(Rights, payload)))

    def _read(self, what: type[T], payload: bytes) -> T:
        if self._keys is None:
            return decode(what, unb64url(payload.split(b".")[1].decode()))
        return unseal(what, payload, self._keys, aud=self.locker_id)

    def step(self, event: uplink.Event) -> None:
        """Step the uplink and do what it says."""
        draw = Draw(self._state.boot_id, 0.5)
        self._state, effects = uplink.step(self._state, event, time.monotonic(), draw)
        for effect in effects:
            match effect:
                case SendBirth(challenge):
                    self._send(self._birth(challenge))
                case SendBatch(first_seq, limit):
                    self._send_batch(first_seq, limit)
                case RightsArrived():
                    self._granted(effect)
                case uplink.StartEpoch():
                    raise AssertionError(f"{self.locker_id}: the backend knows another past")

    def _granted(self, rights: RightsArrived) -> None:
        position = Position(rights.generation, rights.revision)
        self._store(
            events.RightsApplied(generation=rights.generation, revision=rights.revision, used={})
        )
        known = {one.id for one in self.claims} | self._lying.keys()
        self.claims += [one for one in rights.put if one.kind == "claim" and one.id not in known]
        if self.collects:
            self.deposit_all()
            for one in rights.put:
                if one.kind == "collect" and one.id in self._lying:
                    self._collect(self._lying[one.id])
        self.step(uplink.Journalled(self.head_seq, position))

    def _send(self, message: Birth) -> None:
        self._say(self._topics["birth"], seal(message, self.key))

    def _send_batch(self, first_seq: int, limit: int) -> None:
        """Send it; one that is sent again is sealed again by who verifies alone."""
        state = self._state
        what = (first_seq, limit, self.head_seq, state.position, state.session)
        if self._keys is not None or self._sealed[0] != what:
            self._sealed = what, seal(self._batch(first_seq, limit), self.key)
        self._say(self._topics["journal"], self._sealed[1])

    def _birth(self, challenge: str) -> Birth:
        return Birth(
            **self._head(),
            device_id=f"device-{self.locker_id}",
            challenge=challenge,
            protocol=uplink.PROTOCOL,
            software="bench",
            hardware_digest="bench",
            clock="trusted",
        )

    def _batch(self, first_seq: int, limit: int) -> Batch:
        stored = self._stored[first_seq - 1 : first_seq - 1 + min(limit, BATCH_EVENTS)]
        said = tuple(one.decode() for one in stored)
        return Batch(**self._head(), first_seq=first_seq, events=said)

    def _head(self) -> Any:
        state = self._state
        return {
            "iat": int(time.time()),
            "iss": self.locker_id,
            "aud": self._installation,
            "epoch": state.epoch,
            "boot_id": state.boot_id,
            "session": state.session,
            "head_seq": self.head_seq,
            "oldest_seq": 1,
            "generation": state.position.generation,
            "revision": state.position.revision,
        }


def journal_bytes(edges: Iterable[ThinEdge]) -> list[list[bytes]]:
    """Return the stored events of each edge."""
    return [list(one._stored) for one in edges]
