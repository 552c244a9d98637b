"""How things are said to a locker: acknowledgements, changes of rights in parts, commands.

Pure: rows and keys in, signed bytes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from fellesskap_backend.bridge.owed import Opening
from fellesskap_backend.ledger.service import Standing
from fellesskap_backend.rights.service import Change
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.buggify import sometimes
from fellesskap_protocol.messages import (
    MESSAGE_BYTES_MAX,
    Ack,
    Command,
    Right,
    Rights,
    encode,
)
from fellesskap_protocol.signing import seal

PROTOCOL = 1
PART_BYTES_MAX = MESSAGE_BYTES_MAX * 3 // 4 - 1024
"""Base64url makes four bytes of three; the rest is for header, signature and envelope."""
ASKING_S = 30
"""How long a `show_challenge` is good."""
Part = tuple[tuple[Right, ...], tuple[str, ...]]


class _Head(TypedDict):
    iat: int
    iss: str
    aud: str


@dataclass(frozen=True)
class Voice:
    """Says things to one locker, now."""

    secrets: Secrets
    locker_id: str
    now: datetime

    def _head(self) -> _Head:
        return _Head(
            iat=int(self.now.timestamp()), iss=self.secrets.installation, aud=self.locker_id
        )

    def ack(self, standing: Standing) -> bytes:
        """Say where we stand in its journal."""
        ack = Ack(
            **self._head(),
            epoch=standing.epoch,
            boot_id=standing.boot_id,
            session=standing.session,
            challenge=standing.challenge,
            acked_seq=standing.acked_seq,
            verdict=standing.verdict,
            protocol=PROTOCOL,
        )
        return seal(ack, self.secrets.signing)

    def rights(self, change: Change, *, epoch: str, generation: int, from_: int) -> list[bytes]:
        """Say a change of its rights, in as many parts as it needs."""
        few = sometimes("bridge.half_filled_part")
        every = parts(change.puts, change.removes, 1 if few else PART_BYTES_MAX)
        return [
            seal(
                Rights(
                    **self._head(),
                    epoch=epoch,
                    generation=generation,
                    from_=from_,
                    to=change.to,
                    part=number,
                    parts=len(every),
                    put=put,
                    remove=remove,
                ),
                self.secrets.signing,
            )
            for number, (put, remove) in enumerate(every, start=1)
        ]

    def command(self, opening: Opening, challenge: str) -> bytes:
        """Say that a door shall open, what its service shall be, or that we ask what lies where."""
        command = Command(
            **self._head(),
            jti=opening.jti,
            kind=opening.kind,
            compartment=opening.compartment,
            actor_class="operator",
            reason_code=opening.reason_code,
            exp=int(opening.exp),
            challenge=challenge,
            service=opening.service,
        )
        return seal(command, self.secrets.signing)

    def question(self, jti: str) -> bytes:
        """Ask for a challenge."""
        command = Command(
            **self._head(),
            jti=jti,
            kind="show_challenge",
            compartment=None,
            actor_class="operator",
            reason_code="challenge",
            exp=int(self.now.timestamp()) + ASKING_S,
            challenge="",
        )
        return seal(command, self.secrets.signing)

    def keys(self) -> bytes:
        """Say by which keys we sign."""
        return self.secrets.keys(self.locker_id, self.now)


def parts(
    puts: Sequence[Right], removes: Sequence[str], bytes_max: int = PART_BYTES_MAX
) -> list[Part]:
    """Split a change so that each part fits one message; an empty change is one part."""
    done: list[Part] = []
    put: list[Right] = []
    remove: list[str] = []
    size = 0

    def room_for(length: int) -> None:
        nonlocal put, remove, size
        if size + length > bytes_max and (put or remove):
            done.append((tuple(put), tuple(remove)))
            put, remove, size = [], [], 0
        size += length

    for right in puts:
        room_for(len(encode(right)) + 1)
        put.append(right)
    for right_id in removes:
        room_for(len(right_id) + 3)
        remove.append(right_id)
    return [*done, (tuple(put), tuple(remove))]
