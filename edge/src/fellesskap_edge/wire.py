"""Messages to and from the backend: seal what goes out, verify what comes in.

No state but the keyring; what a message does is `uplink`'s affair. Only `drive` uses it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from fellesskap_edge import SOFTWARE
from fellesskap_edge.climate import Climate
from fellesskap_edge.clock import Instant
from fellesskap_edge.identity import Identity, Keyring
from fellesskap_edge.journal import Journal
from fellesskap_edge.state import UNSEEN_MAX, Controller, Reply
from fellesskap_edge.uplink import PROTOCOL, SendBatch, SendBirth, Uplink
from fellesskap_protocol.codes import MacKind, mac
from fellesskap_protocol.messages import (
    MESSAGE_BYTES_MAX,
    Ack,
    Badge,
    Batch,
    Birth,
    Command,
    CompartmentState,
    Gap,
    MalformedMessage,
    Result,
    Rights,
    State,
)
from fellesskap_protocol.signing import seal, unseal
from fellesskap_protocol.topics import Kind

Downlink = Ack | Rights | Command
CLASS_OF: dict[Kind, type[Ack] | type[Rights] | type[Command]] = {
    "ack": Ack,
    "rights": Rights,
    "commands": Command,
}
EVENTS_BYTES_MAX = MESSAGE_BYTES_MAX * 3 // 4 - 2048
"""Base64url makes four bytes of three; the rest is for header, signature and envelope."""


BADGE_CHARACTERS_MAX, BADGE_CARRIERS_MAX, BADGE_S_MAX = 1000, 8, 86_400
"""`docs/protocol.md` 5: what a QR code holds, whom it speaks for, how long it lasts."""


class Wire:
    """One locker's end of the wire."""

    def __init__(self, identity: Identity, keyring: Keyring, hardware_digest: str) -> None:
        self.identity = identity
        self.keyring = keyring
        self.heard = False
        """Whether a message of the backend was verified since the start."""
        self.hardware_digest = hardware_digest

    def read(self, kind: Kind, payload: bytes) -> Downlink:
        """Verify one message of the backend; raise `MalformedMessage` or what it specialises."""
        provision = self.identity.provision
        message: Downlink = unseal(
            CLASS_OF[kind], payload, self.keyring.by_kid, aud=provision.locker_id
        )
        if message.iss != provision.installation:
            raise MalformedMessage(f"issued by {message.iss[:64]!r}, not by our installation")
        self.heard = True
        return message

    def badge(self, token: str) -> Badge:
        """Verify a courier's badge, meant for all lockers of the installation."""
        if len(token) > BADGE_CHARACTERS_MAX:
            raise MalformedMessage(f"a badge of {len(token)} characters")
        installation = self.identity.provision.installation
        badge = unseal(Badge, token.encode(), self.keyring.by_kid, aud=installation)
        if badge.iss != installation:
            raise MalformedMessage("a badge of another installation")
        if not 0 < len(badge.carriers) <= BADGE_CARRIERS_MAX:
            raise MalformedMessage(f"a badge of {len(badge.carriers)} carriers")
        if badge.exp - badge.iat > BADGE_S_MAX:
            raise MalformedMessage("a badge that is good for more than 24 h")
        return badge

    def mac(self, kind: MacKind, value: str) -> str:
        """Return the MAC under which this locker knows what was presented."""
        return mac(self.identity.k_locker, kind, value)

    def _head(self, now: Instant) -> dict[str, int | str]:
        provision = self.identity.provision
        iat = int(now.wall.timestamp())
        return {"iat": iat, "iss": provision.locker_id, "aud": provision.installation}

    def birth(self, uplink: Uplink, journal: Journal, effect: SendBirth, now: Instant) -> bytes:
        """Say who we are and where we stand."""
        birth = Birth(
            **self._head(now),  # type: ignore[arg-type]
            device_id=self.identity.provision.device_id,
            session=uplink.session,
            boot_id=uplink.boot_id,
            challenge=effect.challenge,
            epoch=uplink.epoch,
            head_seq=journal.head_seq,
            oldest_seq=journal.oldest_seq,
            generation=uplink.position.generation,
            revision=uplink.position.revision,
            protocol=PROTOCOL,
            software=SOFTWARE,
            hardware_digest=self.hardware_digest,
            clock="trusted" if now.trusted else "untrusted",
        )
        return seal(birth, self.identity.key)

    def batch(self, uplink: Uplink, journal: Journal, effect: SendBatch, now: Instant) -> bytes:
        """Say a stretch of the journal, as many events as a message takes; raise `JournalUnusable`.

        Events asked for that were pruned are a gap; what follows it is said.
        """
        first_seq, gap = effect.first_seq, None
        if effect.limit and first_seq < journal.oldest_seq:
            gap = Gap(from_=first_seq, to=journal.oldest_seq - 1, hash=journal.pruned_hash)
            first_seq = journal.oldest_seq
        batch = Batch(
            **self._head(now),  # type: ignore[arg-type]
            epoch=uplink.epoch,
            boot_id=uplink.boot_id,
            session=uplink.session,
            first_seq=first_seq,
            head_seq=journal.head_seq,
            oldest_seq=journal.oldest_seq,
            generation=uplink.position.generation,
            revision=uplink.position.revision,
            events=_as_many_as_fit(journal.read(first_seq, effect.limit)),
            gap=gap,
        )
        return seal(batch, self.identity.key)

    def result(self, reply: Reply, now: Instant) -> bytes:
        """Say what became of a command."""
        result = Result(
            **self._head(now),  # type: ignore[arg-type]
            jti=reply.jti,
            outcome=reply.outcome,
            reason=reply.reason,
            first_outcome=reply.first_outcome,
            challenge=reply.challenge,
        )
        return seal(result, self.identity.key)


def _as_many_as_fit(stored: Sequence[bytes]) -> tuple[str, ...]:
    """Return the first events whose JSON strings stay under the limit; one at least."""
    taken: list[str] = []
    size = 0
    for body in stored:
        size += len(body) + body.count(b'"') + body.count(b"\\") + 3
        if taken and size > EVENTS_BYTES_MAX:
            break
        taken.append(body.decode())
    return tuple(taken)


def snapshot(controller: Controller, climate: Climate, now: Instant) -> State:
    """Return what operators see: no personal data, no labels."""
    silent = sorted({wired.bank for wired in controller.wiring.values()} - controller.answering)
    faults = [f"bank {bank}: silent" for bank in silent]
    faults += [f"power of bank {bank}: cut" for bank in sorted(controller.powerless)]
    faults += [
        f"occupancy sensor {number}: {unseen.what}"
        for number, unseen in sorted(controller.unseen.items())
        if unseen.uses >= UNSEEN_MAX
    ]
    if controller.limits.raised:
        faults.append("limits: more remote opens are allowed than the product's own limit")
    return State(
        at=now.wall.astimezone(UTC),
        clock="trusted" if now.trusted else "untrusted",
        compartments=tuple(
            CompartmentState(
                number=number,
                door=controller.doors[number].reading,
                content=controller.places[number].content,
                service=controller.places[number].service,
            )
            for number in sorted(controller.wiring)
        ),
        faults=(*faults, *climate.faults),
        temperatures_c=climate.shown_c,
    )


def instant_of(iat: int) -> datetime:
    """Return the time of a message's `iat`."""
    return datetime.fromtimestamp(iat, UTC)
