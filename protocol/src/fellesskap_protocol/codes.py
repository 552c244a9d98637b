"""Pickup codes, derived and never stored, and the MACs under which a locker knows them.

Pure. The backend derives (`K_codes`), the edge compares MACs (`K_locker`); neither keeps a code.
Source: `docs/protocol.md` 2.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
CODE_DIGITS = 8
LONG_CODE_DIGITS = 12
QR_PREFIX = "FSK1:"
MacKind = Literal["code", "long_code", "qr", "label"]


def pickup_code(k_codes: bytes, right_id: UUID, n: int) -> str:
    """Derive the twelve digits of a right: the first eight are the code, the rest the addition.

    `n` is the smallest number from 0 that makes the eight digits unique at the locker.

    >>> pickup_code(bytes(32), UUID(int=1), 0)
    '483629660187'
    """
    number = int.from_bytes(_mac(k_codes, right_id.bytes + n.to_bytes(4, "big")), "big")
    return f"{number % 10**LONG_CODE_DIGITS:0{LONG_CODE_DIGITS}d}"


def short_code(long_code: str) -> str:
    """Return the eight digits that a recipient normally types."""
    return long_code[:CODE_DIGITS]


def qr_value(k_codes: bytes, right_id: UUID, n: int) -> str:
    """Derive what the recipient's QR code says: `FSK1:` and 128 bits in base64url."""
    digest = _mac(k_codes, b"qr\x00" + right_id.bytes + n.to_bytes(4, "big"))
    return QR_PREFIX + _b64url(digest[:16])


def locker_key(k_master: bytes, locker_id: str, version: int) -> bytes:
    """Derive `K_locker`: HKDF-SHA256 without salt, info = locker id, 0x00, version as 4 bytes."""
    _check(k_master)
    info = locker_id.encode() + b"\x00" + version.to_bytes(4, "big")
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(k_master)


def mac(k_locker: bytes, kind: MacKind, value: str) -> str:
    """Return base64url(HMAC-SHA256(K_locker, kind || 0x00 || value)), without padding."""
    return _b64url(_mac(k_locker, kind.encode() + b"\x00" + value.encode()))


def normalise_code(typed: str) -> str | None:
    """Return the 8 or 12 digits of what was typed (spaces and dashes allowed), else None.

    >>> normalise_code("1234 5678"), normalise_code("1234-5678-9012"), normalise_code("1234")
    ('12345678', '123456789012', None)
    """
    digits = re.sub(r"[ -]", "", typed)
    fits = re.fullmatch(rf"[0-9]{{{CODE_DIGITS}}}|[0-9]{{{LONG_CODE_DIGITS}}}", digits)
    return digits if fits else None


def grouped(code: str) -> str:
    """Write a code for people, in fours.

    >>> grouped("123456789012")
    '1234 5678 9012'
    """
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def _mac(key: bytes, data: bytes) -> bytes:
    _check(key)
    return hmac.digest(key, data, sha256)


def _check(key: bytes) -> None:
    if len(key) < KEY_BYTES:
        raise ValueError(f"a key has at least {KEY_BYTES} bytes, this one {len(key)}")


def _b64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
