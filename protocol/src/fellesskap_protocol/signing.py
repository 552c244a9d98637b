"""Signatures: compact JWS, `alg: Ed25519` (RFC 9864), over the exact bytes of a message.

`seal` makes one, `unseal` checks in the order of `docs/protocol.md` 5: size, `typ`, key,
signature, audience, strict parse. Keys are 32 raw bytes outside this module; `kid` is the
RFC 7638 thumbprint. Pure: keys and messages in, bytes out.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OKPKey

from fellesskap_protocol.messages import (
    KIND_OF,
    MESSAGE_BYTES_MAX,
    MalformedMessage,
    Message,
    Signed,
    decode,
    encode,
)

ALGORITHMS = ["Ed25519"]
S = TypeVar("S", bound=Signed)


class UnknownKey(MalformedMessage):
    """The message is signed by a key that the receiver does not hold: `kid`."""

    def __init__(self, kid: str) -> None:
        super().__init__(f"unknown_key {kid[:64]}")
        self.kid = kid


class BadSignature(MalformedMessage):
    """The signature is not by the key that the message names."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


def b64url(data: bytes) -> str:
    """Encode as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str | bytes) -> bytes:
    """Decode base64url without padding; raise `ValueError` for anything else.

    The library's own reads `/` for `_` and passes over what it does not know: then one message
    would have many spellings.
    """
    raw = text.encode() if isinstance(text, str) else text
    data = urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    if urlsafe_b64encode(data).rstrip(b"=") != raw:
        raise ValueError("not base64url without padding")
    return data


class PublicKey:
    """One Ed25519 verification key; raises `ValueError` for anything but 32 bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.jwk = OKPKey.import_key(Ed25519PublicKey.from_public_bytes(raw))
        self.kid = self.jwk.thumbprint()


class SigningKey:
    """One Ed25519 key that signs; `seed` is its 32 secret bytes, else it raises `ValueError`."""

    def __init__(self, seed: bytes) -> None:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(private.public_key().public_bytes_raw())
        self.kid = self.public.kid
        self._jwk = OKPKey.import_key(private)

    def __repr__(self) -> str:
        """Name the key without showing it."""
        return f"SigningKey({self.kid})"

    def sign(self, typ: str, payload: bytes) -> bytes:
        """Return the compact JWS over `payload`."""
        header = {"alg": "Ed25519", "kid": self.kid, "typ": typ}
        return jws.serialize_compact(header, payload, self._jwk, algorithms=ALGORITHMS).encode()


def typ_of(kind: type[Message]) -> str:
    """Return the `typ` that goes with a class of message, as in `fellesskap.ack.v1`."""
    return f"fellesskap.{KIND_OF[kind]}.v1"


def seal(message: Signed, key: SigningKey) -> bytes:
    """Encode and sign; raise `MalformedMessage` if the result is over `MESSAGE_BYTES_MAX`."""
    token = key.sign(typ_of(type(message)), encode(message))  # type: ignore[arg-type]
    if len(token) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(f"{len(token)} bytes signed, {MESSAGE_BYTES_MAX} allowed")
    return token


def signer(token: bytes) -> str:
    """Return the `kid` that a token names, unverified: to look the key up."""
    return _header(token).kid


def unseal(kind: type[S], token: bytes, keys: Mapping[str, PublicKey], *, aud: str) -> S:
    """Verify and read one signed message of the expected kind, meant for `aud`.

    Raises `UnknownKey`, `BadSignature` or `MalformedMessage`; nothing of the payload is read
    before the signature holds.
    """
    if len(token) > MESSAGE_BYTES_MAX:
        raise MalformedMessage(f"{len(token)} bytes, {MESSAGE_BYTES_MAX} allowed")
    header = _header(token)
    expected = typ_of(kind)  # type: ignore[arg-type]
    if header.typ != expected or header.alg != "Ed25519":
        raise MalformedMessage(f"typ {header.typ[:64]!r}, expected {expected!r} with Ed25519")
    key = keys.get(header.kid)
    if key is None:
        raise UnknownKey(header.kid)
    try:
        payload = jws.deserialize_compact(token, key.jwk, algorithms=ALGORITHMS).payload
    except BadSignatureError:
        raise BadSignature(f"signature does not hold for key {header.kid}") from None
    except (JoseError, ValueError) as error:
        raise MalformedMessage(f"not a compact JWS: {error}") from None
    message = decode(kind, payload)
    if message.aud != aud:
        raise MalformedMessage(f"meant for {message.aud[:64]!r}, not for {aud!r}")
    return message


def _header(token: bytes) -> _Header:
    head, _, _ = token.partition(b".")
    try:
        return msgspec.json.decode(unb64url(head), type=_Header)
    except (ValueError, msgspec.DecodeError) as error:
        raise MalformedMessage(f"not a compact JWS: {error}") from None
