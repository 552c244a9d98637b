"""The backend as a locker on a stand meets it: real signatures, a wish by revision, a ledger.

It sends what it is told to send, also what no honest backend would: late, doubled, in parts, out of
order, for another locker, signed by a stranger. What it hears it records in order and verifies.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from fellesskap_protocol.codes import mac
from fellesskap_protocol.events import (
    GENESIS,
    AnyEvent,
    Collected,
    Deposited,
    DroppedOff,
    Removed,
    Service,
)
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
HELP = "help"
"""Why our operator commands something."""
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
        """What is recorded of the present epoch."""
        self.history: list[AnyEvent] = []
        """What was recorded of the epochs before."""
        self.closed: set[str] = set()
        self.may_differ = False
        """Somebody lost the locker's store, or put an older one in its place."""
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
            if birth.epoch not in self.closed and birth.epoch != self.epoch:
                self._begin_epoch(birth.epoch)
            self._boot_id = birth.boot_id
            self._learn(birth.challenge, wall)
            self.heard_last, self.position = birth, birth.revision
            return [("ack", self.ack(birth, wall)), *self._owed(birth, wall)]
        batch = unseal(Batch, payload, DEVICES, aud=INSTALLATION)
        same_past = batch.epoch != self.epoch or all(self._record(one) for one in batch.events)
        assert same_past or self.may_differ, "the chain holds"
        self.heard_last, self.position = batch, batch.revision
        verdict = {} if same_past else {"verdict": "refused"}
        return [("ack", self.ack(batch, wall, **verdict)), *self._owed(batch, wall)]

    def _record(self, stored: str) -> bool:
        """Record an event, if it is the next; say whether it goes with what is recorded."""
        event = decode_event(stored)
        if event.seq <= len(self.ledger):
            return event == self.ledger[event.seq - 1]
        if event.seq > len(self.ledger) + 1:
            return True
        if event.prev != self._hash:
            return False
        self.ledger.append(event)
        self._hash = event_hash(stored.encode())
        return True

    def _begin_epoch(self, epoch: str) -> None:
        """Close the old epoch; tell a locker that forgot what lies in it, and what is gone."""
        if self.epoch:
            assert self.may_differ, "a store that is not damaged keeps its epoch"
            self.closed.add(self.epoch)
            self.history += self.ledger
            self.wishes.append(self._as_recorded())
        self.epoch, self.ledger, self._hash = epoch, [], GENESIS

    def _as_recorded(self) -> dict[str, Right]:
        """Return the wish as the ledger has it: claims whose parcel came, what is used up."""
        lying: dict[str, int] = {}
        gone: set[str] = set()
        for event in self.history:
            match event:
                case Deposited() | DroppedOff():
                    lying[event.parcel_id] = event.compartment
                case Collected() | Removed():
                    lying.pop(event.parcel_id, None)
                    gone.add(event.parcel_id)
                case _:
                    pass
        wish: dict[str, Right] = {}
        for name, right in self.wish.items():
            number = lying.get(right.parcel_id or "")
            if right.parcel_id in gone:
                wish[name] = msgspec.structs.replace(right, revoked=True)
            elif number is not None and right.kind in ("claim", "collect"):
                wish[name] = msgspec.structs.replace(right, kind="collect", compartment=number)
            elif number is None or right.kind != "drop_off":
                wish[name] = right
        return wish

    def _learn(self, challenge: str, wall: datetime) -> None:
        self.challenges.setdefault(challenge, (self._boot_id, wall))
        self.challenge = challenge

    def _owed(self, heard: Birth | Batch, wall: datetime) -> list[tuple[Kind, bytes]]:
        newest = len(self.wishes) - 1
        if self.position >= newest or heard.epoch != self.epoch:
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
            verdict="closed" if heard.epoch in self.closed else "ok",
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
            reason_code=HELP,
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
