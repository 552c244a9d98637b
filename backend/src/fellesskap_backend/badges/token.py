"""PURE: what a badge's QR code says: a row, signed as lockers verify it."""

from fellesskap_backend.badges.tables import CourierBadge
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.messages import Badge
from fellesskap_protocol.signing import seal

CHARACTERS_MAX = 1_000
"""Of a token (docs/decisions/0017); lockers refuse a longer one."""


def token_of(badge: CourierBadge, secrets: Secrets) -> str:
    """Sign a badge: the same row and key give the same token."""
    said = Badge(
        iat=int(badge.issued_at.timestamp()),
        iss=secrets.installation,
        aud=secrets.installation,
        jti=str(badge.id),
        carriers=tuple(badge.carriers),
        lockers=tuple(badge.lockers),
        may=tuple(badge.may),  # type: ignore[arg-type]
        exp=int(badge.expires_at.timestamp()),
    )
    return seal(said, secrets.signing).decode()
