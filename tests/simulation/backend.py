"""The backend's side of the wire in virtual time: real signatures, a journal recorded in order."""

from datetime import datetime
from typing import Any

from fellesskap_protocol.codes import mac
from fellesskap_protocol.events import GENESIS, AnyEvent
from fellesskap_protocol.messages import (
    Ack,
    Batch,
    Birth,
    Right,
    Rights,
    decode_event,
    event_hash,
)
from fellesskap_protocol.signing import PublicKey, SigningKey, seal, unseal
from fellesskap_protocol.topics import Kind

INSTALLATION = "simulated"
CARRIER = "01930000-0000-7000-9000-000000000001"


class SimulatedBackend:
    """Records, acknowledges, and sends the change from the reported to the wanted rights."""

    def __init__(self, locker_id: str, key: SigningKey, device: PublicKey, k_locker: bytes) -> None:
        self.locker_id = locker_id
        self.events: list[AnyEvent] = []
        self.last_hash = GENESIS
        self.epoch = ""
        self.revision = 0
        self.key = key
        self._devices = {device.kid: device}
        self.k_locker = k_locker
        self._rights: dict[str, tuple[int, Right]] = {}

    def claim(self, number: int, label: str, code12: str) -> Right:
        """Wish a claim for one small parcel."""
        self.revision += 1
        right = Right(
            id=f"right-{number:06d}",
            kind="claim",
            carrier_id=CARRIER,
            parcel_id=f"parcel-{number:06d}",
            label_macs=(mac(self.k_locker, "label", f"opaque:{label}"),),
            w_mm=300,
            h_mm=100,
            d_mm=200,
            g=900,
            code_mac=mac(self.k_locker, "code", code12[:8]),
            long_code_mac=mac(self.k_locker, "long_code", code12),
        )
        self._rights[right.id] = (self.revision, right)
        return right

    def hear(self, kind: Kind, payload: bytes, wall: datetime) -> list[tuple[Kind, bytes]]:
        """Take one message of the locker in; return what is answered."""
        if kind == "birth":
            birth = unseal(Birth, payload, self._devices, aud=INSTALLATION)
            if birth.epoch != self.epoch:
                assert not self.epoch, "a store that is not damaged keeps its epoch"
                self.epoch = birth.epoch
            return [self._ack(birth, wall, birth.challenge), *self._owed(birth, wall)]
        if kind == "journal":
            batch = unseal(Batch, payload, self._devices, aud=INSTALLATION)
            for stored in batch.events:
                event = decode_event(stored)
                if event.seq == len(self.events) + 1:
                    assert event.prev == self.last_hash, "the chain holds"
                    self.events.append(event)
                    self.last_hash = event_hash(stored.encode())
            return [self._ack(batch, wall, None), *self._owed(batch, wall)]
        return []

    def _head(self, wall: datetime) -> dict[str, Any]:
        return {"iat": int(wall.timestamp()), "iss": INSTALLATION, "aud": self.locker_id}

    def _ack(
        self, heard: Birth | Batch, wall: datetime, challenge: str | None
    ) -> tuple[Kind, bytes]:
        ack = Ack(
            **self._head(wall),
            epoch=heard.epoch,
            boot_id=heard.boot_id,
            session=heard.session,
            challenge=challenge,
            acked_seq=len(self.events),
            verdict="ok",
            protocol=1,
        )
        return "ack", seal(ack, self.key)

    def _owed(self, heard: Birth | Batch, wall: datetime) -> list[tuple[Kind, bytes]]:
        return self.change(heard.revision, wall) if heard.revision < self.revision else []

    def change(self, from_: int, wall: datetime) -> list[tuple[Kind, bytes]]:
        """Return the change from a revision to the wanted one, in parts of 50."""
        put = [right for at, right in self._rights.values() if at > from_]
        parts = [put[at : at + 50] for at in range(0, len(put), 50)] or [[]]
        return [
            (
                "rights",
                seal(
                    Rights(
                        **self._head(wall),
                        epoch=self.epoch,
                        generation=1,
                        from_=from_,
                        to=self.revision,
                        part=number,
                        parts=len(parts),
                        put=tuple(part),
                        remove=(),
                    ),
                    self.key,
                ),
            )
            for number, part in enumerate(parts, start=1)
        ]
