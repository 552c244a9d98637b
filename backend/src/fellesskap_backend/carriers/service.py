"""Who comes in: carriers, operators and their API keys."""

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment
from fellesskap_backend.errors import Forbidden, Unauthorized
from fellesskap_backend.webhooks.tables import Subscription
from fellesskap_protocol.signing import b64url

KEY_MARK = "fsk"
PREFIX_BYTES = 6
SECRET_BYTES = 32
WEBHOOK_MARK = "whsec_"


@dataclass(frozen=True)
class Credentials:
    """An API key as it was shown; the secret itself is already forgotten."""

    prefix: str
    secret_hash: str = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """Whose key it is. `number` is a carrier's in allocation, 0 for an operator."""

    prefix: str
    role: str
    carrier_id: UUID
    number: int

    @property
    def tenant(self) -> str:
        """Return whose answers are kept apart: the carrier's, or those of this operator's key."""
        return str(self.carrier_id) if self.role == "carrier" else f"key:{self.prefix}"


NOBODY = UUID(int=0)


def credentials_of(api_key: str) -> Credentials:
    """Take `fsk_<prefix>_<secret>` apart; raise `Unauthorized` for anything else."""
    mark, _, rest = api_key.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != KEY_MARK or not prefix or not secret or not api_key.isascii():
        raise Unauthorized("Send `Authorization: Bearer <API key>`.")
    return Credentials(prefix, sha256(secret.encode()).hexdigest())


def caller(session: Session, credentials: Credentials, role: str) -> Caller:
    """Return whose key it is; raise `Unauthorized`, or `Forbidden` for another role's key."""
    shown = {"prefix": credentials.prefix, "secret_hash": credentials.secret_hash}
    row = session.execute(_CALLER, shown).one_or_none()
    if row is None:
        raise Unauthorized("The API key is not known.")
    if row.role != role:
        raise Forbidden(f"This needs the key of {'a' if role == 'carrier' else 'an'} {role}.")
    return Caller(credentials.prefix, row.role, row.carrier_id or NOBODY, row.number or 0)


def add_carrier(session: Session, name: str, moment: Moment) -> tuple[UUID, str]:
    """Take a carrier in; return its id and its API key, which is shown this once."""
    number = (session.scalar(select(func.max(Carrier.number))) or 0) + 1
    carrier = Carrier(id=moment.new_id(), number=number, name=name, created_at=moment.now)
    session.add(carrier)
    session.flush()
    return carrier.id, _add_key(session, carrier, name, moment=moment)


def add_operator(session: Session, name: str, moment: Moment) -> str:
    """Make an operator's API key, which is shown this once."""
    return _add_key(session, None, name, moment=moment)


def add_webhook(session: Session, carrier_id: UUID, url: str, *, moment: Moment) -> str:
    """Subscribe a carrier's endpoint; return the secret with which deliveries are signed."""
    secret = WEBHOOK_MARK + b64encode(moment.random_bytes(SECRET_BYTES)).decode()
    session.add(
        Subscription(
            id=moment.new_id(),
            carrier_id=carrier_id,
            url=url,
            secret=secret,
            created_at=moment.now,
        )
    )
    return secret


def revoke_key(session: Session, prefix: str, now: datetime) -> bool:
    """Let a key in no more; return whether there was one."""
    key = session.get(ApiKey, prefix)
    if key is None:
        return False
    key.revoked_at = key.revoked_at or now
    return True


def _add_key(session: Session, carrier: Carrier | None, name: str, *, moment: Moment) -> str:
    prefix = moment.random_bytes(PREFIX_BYTES).hex()
    secret = b64url(moment.random_bytes(SECRET_BYTES))
    session.add(
        ApiKey(
            prefix=prefix,
            role="carrier" if carrier else "operator",
            carrier_id=carrier.id if carrier else None,
            name=name,
            secret_hash=sha256(secret.encode()).hexdigest(),
            created_at=moment.now,
        )
    )
    return f"{KEY_MARK}_{prefix}_{secret}"


_CALLER = (
    select(ApiKey.role, ApiKey.carrier_id, Carrier.number)
    .outerjoin(Carrier, Carrier.id == ApiKey.carrier_id)
    .where(
        ApiKey.prefix == bindparam("prefix"),
        ApiKey.secret_hash == bindparam("secret_hash"),
        ApiKey.revoked_at.is_(None),
    )
)
