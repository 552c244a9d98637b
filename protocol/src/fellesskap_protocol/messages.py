"""Every message between edge and backend: one frozen class each; encode and decode.

The only place that knows JSON. An unknown field is refused: a new field is a new version
(`docs/protocol.md` 2). Signed messages carry `iat`, `iss`, `aud` (`Signed`) and travel as compact
JWS (`signing`); `presence`, `state` and `telemetry` are plain JSON by which nothing is decided.
"""

from hashlib import sha256
from typing import Any, Literal, TypeVar

import msgspec

from fellesskap_protocol.events import AnyEvent, Clock, Content, Event, Service, Time
from fellesskap_protocol.topics import Kind

MESSAGE_BYTES_MAX = 64 * 1024
"""No message is larger, checked by sender and receiver; larger things go in parts."""
BATCH_EVENTS_MAX = 200

RightKind = Literal["claim", "collect", "drop_off", "remove", "allowance", "carrier"]
Verdict = Literal["ok", "closed", "refused"]
CommandKind = Literal["open_door", "set_service", "report_custody", "show_challenge"]
CommandOutcome = Literal["done", "refused", "stale_challenge", "duplicate"]


class MalformedMessage(ValueError):
    """Bytes that are not the message they should be; counted, kept, carried on."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something inside a message."""


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every signed message says of itself: `iat` in seconds since 1970, issuer, audience."""

    iat: int
    iss: str
    aud: str


class Birth(Signed, frozen=True, kw_only=True):
    """Edge: who I am, where I stand; repeated until an ack echoes its challenge."""

    device_id: str
    session: int
    boot_id: str
    challenge: str
    epoch: str
    head_seq: int
    oldest_seq: int
    generation: int
    revision: int
    protocol: int
    software: str
    hardware_digest: str
    clock: Clock


class Gap(_Part, frozen=True, kw_only=True):
    """Rows `from` to `to` were asked for and are gone; `hash` is that of row `to`."""

    from_: int = msgspec.field(name="from")
    to: int
    hash: str


class Batch(Signed, frozen=True, kw_only=True):
    """Edge: a stretch of the journal; `events` holds the stored bytes, each as a JSON string."""

    epoch: str
    boot_id: str
    session: int
    first_seq: int
    head_seq: int
    oldest_seq: int
    generation: int
    revision: int
    events: tuple[str, ...]
    gap: Gap | None = None


class Ack(Signed, frozen=True, kw_only=True):
    """Backend: where it stands in this journal; echoes the birth or batch that it answers."""

    epoch: str
    boot_id: str
    session: int
    challenge: str | None
    acked_seq: int
    verdict: Verdict
    protocol: int


class Right(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the backend lets a locker do; which fields count depends on `kind`.

    Lengths in mm, weight in g. `code_mac` of the 8 digits, `long_code_mac` of the 12. `granted`
    belongs to an allowance, `deposit_auth` and `revoked_badges` to a carrier.
    """

    id: str
    kind: RightKind
    hold: Literal["hard", "soft"] = "hard"
    carrier_id: str | None = None
    parcel_id: str | None = None
    label_macs: tuple[str, ...] = ()
    w_mm: int = 0
    h_mm: int = 0
    d_mm: int = 0
    g: int = 0
    needs: tuple[str, ...] = ()
    code_mac: str | None = None
    long_code_mac: str | None = None
    qr_mac: str | None = None
    compartment: int | None = None
    deposit_by: Time | None = None
    revoked: bool = False
    size_class: str | None = None
    granted: int = 0
    deposit_auth: Literal["label", "badge"] | None = None
    revoked_badges: tuple[str, ...] = ()


class Rights(Signed, frozen=True, kw_only=True):
    """Backend: one part of the change from revision `from` (0: from empty) to revision `to`."""

    epoch: str
    generation: int
    from_: int = msgspec.field(name="from")
    to: int
    part: int
    parts: int
    put: tuple[Right, ...]
    remove: tuple[str, ...]


class Command(Signed, frozen=True, kw_only=True):
    """Backend: do this once, now; `exp` in seconds since 1970."""

    jti: str
    kind: CommandKind
    compartment: int | None
    actor_class: str
    reason_code: str
    exp: int
    challenge: str
    service: Service | None = None


class Result(Signed, frozen=True, kw_only=True):
    """Edge: what became of a command, and the challenge to use next."""

    jti: str
    outcome: CommandOutcome
    reason: str | None
    first_outcome: CommandOutcome | None
    challenge: str


class VerificationKey(_Part, frozen=True, kw_only=True):
    """One Ed25519 public key: `kid` its RFC 7638 thumbprint, `x` the 32 bytes in base64url."""

    kid: str
    x: str


class Keys(Signed, frozen=True, kw_only=True):
    """Backend: which keys sign for the installation; signed by the root, versions never go back."""

    version: int
    keys: tuple[VerificationKey, ...]
    revoked: tuple[str, ...]


class Badge(Signed, frozen=True, kw_only=True):
    """What a courier's QR code says: at most 1,000 characters as JWS, `aud` the installation."""

    jti: str
    carriers: tuple[str, ...]
    lockers: tuple[str, ...] = ()
    site: str | None = None
    may: tuple[Literal["deposit", "remove"], ...]
    exp: int


class Presence(_Part, frozen=True, kw_only=True):
    """Edge, and its last will: a hint for people."""

    session: int
    online: bool


class CompartmentState(_Part, frozen=True, kw_only=True):
    """The three independent facts about a compartment."""

    number: int
    door: Literal["shut", "open", "unknown"]
    content: Content
    service: Service


class State(_Part, frozen=True, kw_only=True):
    """Edge, retained: the operators' snapshot; no personal data, no labels."""

    at: Time
    clock: Clock
    compartments: tuple[CompartmentState, ...]
    faults: tuple[str, ...] = ()
    temperatures_c: dict[int, float] = {}


class Telemetry(_Part, frozen=True, kw_only=True):
    """Edge: droppable figures."""

    at: Time
    figures: dict[str, float]


Message = (
    Birth | Batch | Ack | Rights | Command | Result | Keys | Badge | Presence | State | Telemetry
)
KIND_OF: dict[type[Any], Kind | Literal["badge"]] = {
    Birth: "birth",
    Batch: "journal",
    Ack: "ack",
    Rights: "rights",
    Command: "commands",
    Result: "results",
    Keys: "keys",
    Badge: "badge",
    Presence: "presence",
    State: "state",
    Telemetry: "telemetry",
}

M = TypeVar("M")
_encoder = msgspec.json.Encoder()
_event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(message: Message | Event | Right) -> bytes:
    """Return the JSON bytes of a message, an event or a right; fields in the order of the class."""
    return _encoder.encode(message)


def decode(kind: type[M], data: bytes | str) -> M:
    """Read one message strictly; raise `MalformedMessage` naming the field that is wrong.

    >>> decode(Presence, b'{"session":3,"online":true}')
    Presence(session=3, online=True)
    >>> decode(Presence, b'{"session":3,"online":true,"code":1}')
    Traceback (most recent call last):
    fellesskap_protocol.messages.MalformedMessage: Presence: ...
    """
    if len(data) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(f"{kind.__name__}: {len(data)} bytes, {MESSAGE_BYTES_MAX} allowed")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedMessage(f"{kind.__name__}: {error}") from None


def decode_event(data: bytes | str) -> AnyEvent:
    """Read one journal event strictly; raise `MalformedMessage`.

    >>> decode_event('{"type":"booted","seq":3,"software":"0.1.0"}').software
    '0.1.0'
    """
    try:
        return _event_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"event: {error}") from None


def event_hash(stored: bytes) -> str:
    """Return what the next event's `prev` must be: SHA-256 over the stored bytes, in hex."""
    return sha256(stored).hexdigest()
