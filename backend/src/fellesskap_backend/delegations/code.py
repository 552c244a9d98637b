"""PURE: the code by which a consolidator lets itself be named: signed, stored nowhere.

Whoever has it can let that consolidator act for him, and nothing else; so it may be sent in a
letter. Carriers cannot be found by trying.
"""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from fellesskap_protocol.signing import b64url, unb64url

MARK = "fsd_"
PATTERN = r"^fsd_[A-Za-z0-9_-]{48}$"
GOOD_FOR = timedelta(days=7)
"""How long a code is good at least; it ends with a day (UTC), so that it is the same all day."""
_TAG_BYTES = 16


def end_of(now: datetime) -> datetime:
    """Return when the code of this day is no longer good."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + GOOD_FOR + timedelta(days=1)


def written(k_codes: bytes, carrier_id: UUID, ends_at: datetime) -> str:
    """Write the code of a carrier that is good until then."""
    body = carrier_id.bytes + int(ends_at.timestamp()).to_bytes(4, "big")
    return MARK + b64url(body + _tag(k_codes, body))


def read(k_codes: bytes, code: str, now: datetime) -> UUID | None:
    """Return whose code it is; None if it is no code of ours, or no longer good."""
    if not code.isascii():
        return None
    try:
        raw = unb64url(code.removeprefix(MARK))
    except ValueError:
        return None
    body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
    if len(body) != 20 or not hmac.compare_digest(tag, _tag(k_codes, body)):
        return None
    ends_at = int.from_bytes(body[16:], "big")
    return UUID(bytes=body[:16]) if now.timestamp() < ends_at else None


def _tag(k_codes: bytes, body: bytes) -> bytes:
    mine = hmac.digest(k_codes, b"delegation codes", sha256)
    return hmac.digest(mine, body, sha256)[:_TAG_BYTES]
