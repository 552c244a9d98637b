"""Who comes in: carriers, operators and their API keys."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.scopes import allows
from fellesskap_backend.carriers.tables import ApiKey, Carrier
from fellesskap_backend.db import Moment, UtcDateTime
from fellesskap_backend.delegations.tables import Delegation
from fellesskap_backend.errors import Forbidden, NotFound, Unauthorized
from fellesskap_backend.tenancy import Sees
from fellesskap_protocol.signing import b64url

KEY_MARK = "fsk"
PREFIX_BYTES = 6
SECRET_BYTES = 32


@dataclass(frozen=True)
class Credentials:
    """An API key as it was shown, when and for what; the secret itself is already forgotten."""

    prefix: str
    secret_hash: str = field(repr=False)
    scope: str | None = None
    """What the route wants; None: a key that may do all."""
    shown_at: datetime | None = field(default=None, compare=False)
    """None: no key that ever expires is good, and no delegation."""
    on_behalf_of: UUID | None = None
    """The carrier that the request is for, if it is not the key's own."""
    acts: str | None = None
    """What a delegation must let the caller do then."""

    def parameters(self) -> dict[str, Any]:
        """Return what `GOOD` compares with."""
        return {
            "prefix": self.prefix,
            "secret_hash": self.secret_hash,
            "shown_at": self.shown_at,
        }


NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Caller:
    """Whose key it is. `number` is a carrier's in allocation, 0 for others."""

    prefix: str
    role: str
    carrier_id: UUID
    number: int
    owner_id: UUID = NOBODY
    scopes: str | None = None
    acted_by: UUID | None = None
    """Who acts for the carrier by a delegation; None: the carrier itself."""

    @property
    def tenant(self) -> str:
        """Return whose answers are kept apart: a carrier's, or those of one operator.

        Those of whoever acts for a carrier are neither that carrier's nor its own.
        """
        if self.acted_by is not None:
            return f"{self.acted_by} for {self.carrier_id}"
        return str(self.carrier_id) if self.role == "carrier" else str(self.owner_id)

    def made(self, acted_by: UUID | None) -> bool:
        """Say whether a row of the carrier is the caller's business: all, or what he made."""
        return self.acted_by in (None, acted_by)


def credentials_of(
    api_key: str, scope: str | None = None, shown_at: datetime | None = None
) -> Credentials:
    """Take `fsk_<prefix>_<secret>` apart; raise `Unauthorized` for anything else."""
    mark, _, rest = api_key.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != KEY_MARK or not prefix or not secret or not api_key.isascii():
        raise Unauthorized("Send `Authorization: Bearer <API key>`.")
    return Credentials(prefix, sha256(secret.encode()).hexdigest(), scope, shown_at)


def caller(session: Session, credentials: Credentials, *roles: str) -> Caller:
    """Return whose key it is, or for whom it acts.

    Raises `Unauthorized`, `Forbidden` for another role or scope, `NotFound` for a carrier that does
    not let the caller act for it.
    """
    row = session.execute(_CALLER, credentials.parameters()).one_or_none()
    if row is None:
        raise Unauthorized("The API key is not known.")
    if row.role not in roles:
        wanted = " or ".join(f"{'a' if role == 'carrier' else 'an'} {role}" for role in roles)
        raise Forbidden(f"This needs the key of {wanted}.")
    check_scope(credentials, row.scopes)
    by = Caller(
        credentials.prefix,
        row.role,
        row.carrier_id or NOBODY,
        row.number or 0,
        row.owner_id,
        row.scopes,
    )
    return acting(session, by, credentials)


def acting(session: Session, by: Caller, credentials: Credentials) -> Caller:
    """Return for whom a key acts: its own carrier, or one that lets it by a live delegation.

    Raises `NotFound` where there is none, as for a carrier that does not exist.
    """
    if credentials.on_behalf_of is None:
        return by
    wanted = {
        "giver": credentials.on_behalf_of,
        "receiver": by.carrier_id,
        "shown_at": credentials.shown_at,
    }
    row = session.execute(_DELEGATED, wanted).one_or_none()
    if row is None or credentials.acts not in row.may:
        raise NotFound("No carrier by this id lets you act for it.")
    return replace(by, carrier_id=row.id, number=row.number, acted_by=by.carrier_id)


def check_scope(credentials: Credentials, granted: str | None) -> None:
    """Raise `Forbidden` unless a key's scopes hold what its route wants."""
    if not allows(granted, credentials.scope):
        raise Forbidden(f"This key lacks the scope `{credentials.scope or 'of everything'}`.")


def add_carrier(
    session: Session, name: str, moment: Moment, scopes: str | None = None
) -> tuple[UUID, str]:
    """Take a carrier in; return its id and its API key, which is shown this once."""
    number = (session.scalar(select(func.max(Carrier.number))) or 0) + 1
    carrier = Carrier(id=moment.new_id(), number=number, name=name, created_at=moment.now)
    session.add(carrier)
    session.flush()
    key = ApiKey(role="carrier", owner_id=carrier.id, carrier_id=carrier.id, name=name)
    key.scopes = scopes
    return carrier.id, _add_key(session, key, moment)


def add_operator(
    session: Session,
    name: str,
    moment: Moment,
    role: str = "operator",
    *,
    scopes: str | None = None,
) -> str:
    """Make the API key of an operator or an auditor, which is shown this once."""
    key = ApiKey(role=role, owner_id=moment.new_id(), name=name, scopes=scopes)
    return _add_key(session, key, moment)


def revoke_key(session: Session, prefix: str, now: datetime) -> bool:
    """Let a key in no more; return whether there was one."""
    key = session.get(ApiKey, prefix)
    if key is None:
        return False
    key.revoked_at = key.revoked_at or now
    return True


def note_use(session: Session, prefix: str, day: date) -> None:
    """Remember on which day a key last came in."""
    session.execute(_NOTE_USE, {"of": prefix, "day": day})


def _add_key(session: Session, key: ApiKey, moment: Moment) -> str:
    key.prefix = moment.random_bytes(PREFIX_BYTES).hex()
    secret = b64url(moment.random_bytes(SECRET_BYTES))
    key.secret_hash = sha256(secret.encode()).hexdigest()
    key.created_at = moment.now
    session.add(key)
    return written_key(key.prefix, secret)


def written_key(prefix: str, secret: str) -> str:
    """Return a key as it is shown."""
    return f"{KEY_MARK}_{prefix}_{secret}"


GOOD = (
    ApiKey.prefix == bindparam("prefix"),
    ApiKey.secret_hash == bindparam("secret_hash"),
    ApiKey.revoked_at.is_(None),
    ApiKey.expires_at.is_(None) | (ApiKey.expires_at > bindparam("shown_at", type_=UtcDateTime())),
)
"""That the key which was shown lets in; with `Credentials.parameters`."""
_CALLER = (
    select(
        *(ApiKey.role, ApiKey.carrier_id, ApiKey.owner_id, ApiKey.scopes, Carrier.number),
        Sees(ApiKey.carrier_id),
    )
    .outerjoin(Carrier, Carrier.id == ApiKey.carrier_id)
    .where(*GOOD)
)
_DELEGATED = (
    select(Carrier.id, Carrier.number, Delegation.may, Sees(Carrier.id))
    .join(Delegation, Delegation.giver_id == Carrier.id)
    .where(
        Carrier.id == bindparam("giver"),
        Delegation.receiver_id == bindparam("receiver"),
        Delegation.revoked_at.is_(None),
        Delegation.ends_at > bindparam("shown_at", type_=UtcDateTime()),
    )
)
_NOTE_USE = (
    update(ApiKey)
    .where(
        ApiKey.prefix == bindparam("of"),
        ApiKey.last_used_on.is_(None) | (ApiKey.last_used_on < bindparam("day")),
    )
    .values(last_used_on=bindparam("day"))
)
