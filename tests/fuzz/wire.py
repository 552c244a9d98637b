"""The wire: any payload is a message or `MalformedMessage`; nobody signs for the backend.

An input is what it is (`HOW`), a kind of message and the bytes: a payload read as it is, one that
our backend signed, one signed under a header of its own (both end in a zero byte), or a token.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fellesskap_edge.identity import Broker, Identity, Keyring, Provision
from fellesskap_edge.wire import BADGE_CARRIERS_MAX, BADGE_S_MAX, CLASS_OF, Wire
from fellesskap_protocol import messages, signing
from fellesskap_protocol.messages import KIND_OF, Badge, MalformedMessage, Signed
from fellesskap_protocol.topics import Kind
from tests.fuzz.harness import Fuzz

GOLDEN = Path(__file__).parents[1] / "protocol" / "golden" / "v1"
HOW = PLAIN, SEALED, HEADED, TOKEN = range(4)
KINDS: tuple[type[Any], ...] = tuple(KIND_OF)
EVENT = len(KINDS)
"""The kind of an input that is an event of the journal."""
SEED = bytes(range(32))
BACKEND, ROOT = signing.SigningKey(SEED), signing.SigningKey(bytes(32))
PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
LOCKER, INSTALLATION = "oslo-1", "viv"
PROVISION = Provision(
    installation=INSTALLATION,
    locker_id=LOCKER,
    device_id="dev-1",
    k_locker=signing.b64url(bytes(32)),
    k_version=1,
    root_key=signing.b64url(ROOT.public.raw),
    keys="",
    broker=Broker("none", 1, "none", "none"),
)
WIRE = Wire(
    Identity(signing.SigningKey(bytes([7] * 32)), PROVISION),
    Keyring(LOCKER, ROOT.public, 1, (BACKEND.public,)),
    "digest",
)
KEYS = {BACKEND.kid: BACKEND.public}


def _golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes().strip()


def _header(number: int, key: signing.SigningKey = BACKEND) -> bytes:
    head = {"alg": "Ed25519", "kid": key.kid, "typ": signing.typ_of(KINDS[number])}
    return json.dumps(head).encode()


def _token(header: bytes, payload: bytes) -> bytes:
    """Return what the backend signs, whatever it is."""
    signed = ".".join(map(signing.b64url, (header, payload))).encode()
    return signed + b"." + signing.b64url(PRIVATE.sign(signed)).encode()


PAYLOADS = {number: _golden(KIND_OF[kind]) for number, kind in enumerate(KINDS)}
OURS = _golden("badge").replace(b'"aud":"oslo-1"', b'"aud":"viv"')
SIGNED = [
    *((number, PAYLOADS[number]) for number, kind in enumerate(KINDS) if issubclass(kind, Signed)),
    (KINDS.index(Badge), OURS),
    (KINDS.index(Badge), OURS.replace(b'"exp":1795541400', b'"exp":1795541401')),
    (KINDS.index(Badge), OURS.replace(b'"iss":"viv"', b'"iss":"oslo"')),
    (KINDS.index(Badge), OURS.replace(OURS[OURS.index(b'["') : OURS.index(b"]") + 1], b"[]")),
    (KINDS.index(Badge), OURS.replace(b'"lockers":[', b'"lockers":[' + b'"oslo-1",' * 99)),
    (KINDS.index(messages.Ack), PAYLOADS[KINDS.index(messages.Ack)].replace(b"viv", b"oslo")),
]
SEEDS = (
    *(bytes((PLAIN, number)) + payload for number, payload in PAYLOADS.items()),
    *(
        bytes((PLAIN, EVENT)) + _golden(f"events/{path.stem}")
        for path in sorted((GOLDEN / "events").iterdir())
    ),
    *(bytes((SEALED, number)) + payload for number, payload in SIGNED),
    *(bytes((HEADED, number)) + _header(number) + b"\0" + load for number, load in SIGNED),
    *(bytes((HEADED, number)) + _header(number, ROOT) + b"\0" + load for number, load in SIGNED),
    *(bytes((TOKEN, number)) + _token(_header(number), payload) for number, payload in SIGNED),
    bytes((PLAIN, KINDS.index(messages.Presence))) + b" " * messages.MESSAGE_BYTES_MAX + b"{}",
    bytes((SEALED, KINDS.index(messages.Ack))) + b" " * messages.MESSAGE_BYTES_MAX,
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 2**31, 2**63, -(2**64), 10**400, 0.5, 1e308, "", "x", "viv", "oslo-1"),
    *("2026-11-23T17:30:00.250000Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60Z", "\ud800"),
    *("å" * 100, [], {}, [[]], [None], ["x"] * 9, {"from": 1}, {"x": {"x": {}}}),
)
FIELDS = ("alg", "crit", "kid", "iss", "aud", "carriers", "exp", "gap", "put", "b64", "zip", "seq")


def mutate(rng: Random, data: bytes) -> bytes:
    """Change a field of the JSON, the kind, or a part of a token."""
    head, body = data[:2], data[2:]
    if rng.random() < 0.1 or len(head) < 2:
        return bytes((rng.choice(HOW), rng.randrange(EVENT + 1))) + body
    if head[0] == TOKEN:
        return head + _cut(rng, body)
    first, zero, last = body.partition(b"\0")
    if zero and rng.random() < 0.5:
        return head + first + zero + _json(rng, last)
    return head + _json(rng, first) + zero + last


def _cut(rng: Random, token: bytes) -> bytes:
    """Drop, double, swap or exchange the parts of a token; pad one."""
    parts = token.split(b".")
    at = rng.randrange(len(parts))
    match rng.randrange(5):
        case 0:
            del parts[at]
        case 1:
            parts.insert(at, parts[at])
        case 2:
            parts[at] += rng.choice((b"=", b"==", b"A", b" ", b"\n", b"\xff", b"====" * 9))
        case 3:
            other = rng.choice(SIGNED)
            new = _token(_header(other[0]), other[1]).split(b".")
            parts[at] = new[min(at, 2)]
        case _:
            rng.shuffle(parts)
    return b".".join(parts)


def _json(rng: Random, text: bytes) -> bytes:
    """Change one place of a JSON text; what is none begins anew."""
    if rng.random() < 0.1:
        return rng.choice((b"[" * 9000, b'{"iat":' * 3000, b"\xff", b"1e999", b"{}", b'"\\ud800"'))
    try:
        root = json.loads(text)
    except (ValueError, RecursionError):
        return rng.choice(tuple(PAYLOADS.values()))
    spots = [root]
    for spot in spots:
        inner = spot.values() if isinstance(spot, dict) else spot if isinstance(spot, list) else ()
        spots += [one for one in inner if isinstance(one, dict | list) and len(spots) < 50]
    spot = rng.choice(spots)
    value = rng.choice(VALUES)
    if isinstance(spot, dict):
        key = rng.choice((*spot, *spot, *FIELDS))
        spot[key] = value
        if rng.random() < 0.2:
            del spot[key]
    elif isinstance(spot, list):
        spot.insert(rng.randrange(len(spot) + 1), value)
    return json.dumps(root).encode()


def one_input(data: bytes) -> None:
    """Read it as its own kind, as what each topic takes, and as a badge."""
    how, number = (data[0] % len(HOW), data[1] % (EVENT + 1)) if len(data) > 1 else (PLAIN, EVENT)
    body = data[2:]
    if how == PLAIN:
        _plain(number, body)
        return
    number %= EVENT
    if how == HEADED:
        header, _, payload = body.partition(b"\0")
        body = _token(header, payload)
    elif how == SEALED:
        body = _token(_header(number), body)
    with contextlib.suppress(MalformedMessage):
        assert isinstance(signing.signer(body), str)
    if issubclass(KINDS[number], Signed):
        _signed(KINDS[number], body)
    for kind, model in CLASS_OF.items():
        _downlink(kind, model, body, forged=how == TOKEN)
    with contextlib.suppress(MalformedMessage):
        badge = WIRE.badge(body.decode("latin-1"))
        assert (badge.aud, badge.iss) == (INSTALLATION, INSTALLATION)
        assert 0 < len(badge.carriers) <= BADGE_CARRIERS_MAX
        assert badge.exp - badge.iat <= BADGE_S_MAX


def _plain(number: int, body: bytes) -> None:
    """What is read is written and read again as the same."""
    with contextlib.suppress(MalformedMessage):
        if number == EVENT:
            event = messages.decode_event(body)
            assert messages.decode_event(messages.encode(event)) == event
            return
        message = messages.decode(KINDS[number], body)
        assert messages.decode(KINDS[number], messages.encode(message)) == message


def _signed(kind: type[Signed], token: bytes) -> None:
    """What is read for either audience is sealed and read again as the same."""
    for aud in (LOCKER, INSTALLATION):
        with contextlib.suppress(MalformedMessage):
            message = signing.unseal(kind, token, KEYS, aud=aud)
            assert message.aud == aud
            again = signing.unseal(kind, signing.seal(message, BACKEND), KEYS, aud=aud)
            assert again == message


GENUINE: Mapping[type[Any], tuple[Signed, ...]] = {
    model: tuple(
        cast("Signed", messages.decode(model, load))
        for number, load in SIGNED
        if KINDS[number] is model
    )
    for model in CLASS_OF.values()
}


def _downlink(kind: Kind, model: type[Signed], token: bytes, *, forged: bool) -> None:
    """A token that was changed on its way says what the backend signed, or nothing."""
    with contextlib.suppress(MalformedMessage):
        message = WIRE.read(kind, token)
        assert isinstance(message, model)
        assert (message.iss, message.aud) == (INSTALLATION, LOCKER)
        assert not forged or message in GENUINE[model]


READS = (signing.signer, signing.unseal, signing._header, Wire.read, Wire.badge)
FUZZ = Fuzz(one_input, SEEDS, (messages, *READS), mutate)
