"""The backend as a locker on a stand meets it: real signatures, a wish by revision, a ledger.

It sends what it is told to send, also what no honest backend would: late, doubled, in parts, out of
order, for another locker, signed by a stranger. What it hears it records in order and verifies.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from fellesskap_protocol.codes import mac
from fellesskap_protocol.events import GENESIS, AnyEvent, Service
from fellesskap_protocol.messages import (
    Ack,
    Badge,
    Batch,
    Birth,
    Command,
    CommandKind,
    Result,
    Right,
    RightKind,
    Rights,
    decode_event,
    event_hash,
)
from fellesskap_protocol.signing import SigningKey, seal, unseal
from fellesskap_protocol.topics import Kind
from tests.simulation.installed import DEVICE, INSTALLATION, SIGNER, provisioned
from tests.simulation.stand_parts import START

STRANGER = SigningKey(bytes([9]) * 32)
DEVICES = {DEVICE.public.kid: DEVICE.public}
COMMAND_S = 30


class Office:
    """Everything that one backend knows of one locker."""

    def __init__(self, locker_id: str) -> None:
        self.locker_id = locker_id
        self.k_locker = provisioned(locker_id).k_locker
        self.wishes: list[dict[str, Right]] = [{}]
        """The wanted rights by revision."""
        self.epoch = ""
        self.position = 0
        """Which revision the locker reported last."""
        self.ledger: list[AnyEvent] = []
        self.signed: dict[bytes, Ack | Rights | Command] = {}
        self.heard_last: Birth | Batch | None = None
        self.challenges: dict[str, tuple[str, datetime]] = {}
        """The boot in which a challenge came, and when."""
        self.challenge = ""
        self.results: list[Result] = []
        self._boot_id = ""
        self._hash = GENESIS
        self._macs: dict[tuple[str, str], str] = {}

    # Rights --------------------------------------------------------------------------------------

    def mac(self, kind: Any, value: str) -> str:
        """Return the MAC under which the locker knows a code or label."""
        found = self._macs.get((kind, value))
        if found is None:
            found = self._macs[kind, value] = mac(self.k_locker, kind, value)
        return found

    def right(self, name: str, kind: RightKind, code: str = "", **fields: Any) -> Right:
        """Return a right whose label is its name and whose codes are made of `code`."""
        codes: dict[str, Any] = {
            "code_mac": self.mac("code", code[:8]),
            "long_code_mac": self.mac("long_code", code),
            "qr_mac": self.mac("qr", f"FSK1:{code}"),
        }
        right = Right(
            id=name,
            kind=kind,
            parcel_id=f"parcel-{name}",
            label_macs=(self.mac("label", f"opaque:{name.upper()}"),),
            **(codes if code else {}),
        )
        return msgspec.structs.replace(right, **fields)

    @property
    def wish(self) -> dict[str, Right]:
        """What the locker may do, by the newest revision."""
        return self.wishes[-1]

    def want(self, *put: Right, remove: Iterable[str] = ()) -> int:
        """Wish something else; return its revision."""
        fresh = {name: right for name, right in self.wish.items() if name not in set(remove)}
        self.wishes.append(fresh | {right.id: right for right in put})
        return len(self.wishes) - 1

    def change(
        self, from_: int, to: int, wall: datetime, *, parts: int = 1, **head: Any
    ) -> list[bytes]:
        """Return the change from one revision to another, signed, in parts."""
        before, after = self.wishes[from_], self.wishes[to]
        put = [right for name, right in after.items() if before.get(name) != right]
        gone = tuple(name for name in before if name not in after)
        size = max(1, -(-len(put) // parts))
        stretches = [put[at * size : (at + 1) * size] for at in range(parts)]
        fields = {"epoch": self.epoch, "generation": 1} | head
        return [
            self.sign(
                Rights(
                    **(self._head(wall) | fields),
                    from_=from_,
                    to=to,
                    part=number,
                    parts=parts,
                    put=tuple(stretch),
                    remove=gone if number == 1 else (),
                )
            )
            for number, stretch in enumerate(stretches, start=1)
        ]

    # What is heard -------------------------------------------------------------------------------

    def hear(self, kind: Kind, payload: bytes, wall: datetime) -> list[tuple[Kind, bytes]]:
        """Take one message of the locker in; return what is answered."""
        if kind == "results":
            result = unseal(Result, payload, DEVICES, aud=INSTALLATION)
            self.results.append(result)
            self._learn(result.challenge, wall)
            return []
        if kind not in ("birth", "journal"):
            return []
        if kind == "birth":
            birth = unseal(Birth, payload, DEVICES, aud=INSTALLATION)
            assert self.epoch in ("", birth.epoch), "a store that is not damaged keeps its epoch"
            self.epoch, self._boot_id = birth.epoch, birth.boot_id
            self._learn(birth.challenge, wall)
            self.heard_last, self.position = birth, birth.revision
            return [("ack", self.ack(birth, wall)), *self._owed(wall)]
        batch = unseal(Batch, payload, DEVICES, aud=INSTALLATION)
        for stored in batch.events:
            event = decode_event(stored)
            if event.seq == len(self.ledger) + 1:
                assert event.prev == self._hash, "the chain holds"
                self.ledger.append(event)
                self._hash = event_hash(stored.encode())
        self.heard_last, self.position = batch, batch.revision
        return [("ack", self.ack(batch, wall)), *self._owed(wall)]

    def _learn(self, challenge: str, wall: datetime) -> None:
        self.challenges.setdefault(challenge, (self._boot_id, wall))
        self.challenge = challenge

    def _owed(self, wall: datetime) -> list[tuple[Kind, bytes]]:
        newest = len(self.wishes) - 1
        if self.position >= newest:
            return []
        return [("rights", part) for part in self.change(self.position, newest, wall)]

    def ack(self, heard: Birth | Batch, wall: datetime, **fields: Any) -> bytes:
        """Say where this ledger stands."""
        ack = Ack(
            **self._head(wall),
            epoch=heard.epoch,
            boot_id=heard.boot_id,
            session=heard.session,
            challenge=heard.challenge if isinstance(heard, Birth) else None,
            acked_seq=len(self.ledger),
            verdict="ok",
            protocol=1,
        )
        return self.sign(msgspec.structs.replace(ack, **fields))

    def sign(self, message: Ack | Rights | Command) -> bytes:
        """Sign a message; `signed` remembers what the locker may believe."""
        token = seal(message, SIGNER)
        if message.aud == self.locker_id:
            self.signed[token] = message
        return token

    def _head(self, wall: datetime) -> dict[str, Any]:
        return {"iat": int(wall.timestamp()), "iss": INSTALLATION, "aud": self.locker_id}

    # Commands and badges -------------------------------------------------------------------------

    def command(
        self,
        kind: CommandKind,
        jti: str,
        wall: datetime,
        number: int | None = None,
        *,
        service: Service | None = None,
        **fields: Any,
    ) -> Command:
        """Return a command with the newest challenge, good for 30 s."""
        command = Command(
            **self._head(wall),
            jti=jti,
            kind=kind,
            compartment=number,
            actor_class="operator",
            reason_code="help",
            exp=int(wall.timestamp()) + COMMAND_S,
            challenge=self.challenge,
            service=service,
        )
        return msgspec.structs.replace(command, **fields)


def badge(jti: str, *carriers: str, key: SigningKey = SIGNER, **fields: Any) -> str:
    """Return what the QR code of a courier's badge says; good for a day from the start on."""
    iat = int(START.timestamp())
    made = Badge(
        iat=iat,
        iss=INSTALLATION,
        aud=INSTALLATION,
        jti=jti,
        carriers=carriers,
        site="fornebu",
        may=("deposit", "remove"),
        exp=iat + 86_400,
    )
    return seal(msgspec.structs.replace(made, **fields), key).decode()
