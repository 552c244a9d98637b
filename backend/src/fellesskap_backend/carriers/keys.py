"""API keys that their owner makes, changes and revokes; a key can make its own successor.

The secret of such a key is derived from the installation's own and the key's prefix: an answer
that is repeated shows it again, and it is stored nowhere.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.scopes import ROLES, allows, of_role, written
from fellesskap_backend.carriers.service import (
    PREFIX_BYTES,
    Caller,
    Credentials,
    caller,
    written_key,
)
from fellesskap_backend.carriers.tables import ApiKey
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.errors import Forbidden, InvalidRequest, NotFound, TooMany
from fellesskap_backend.etag import Match
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_protocol.signing import b64url

LIVE_MAX = 20
"""Keys of one owner that let in; more are a mistake, or a loop."""
SHOWN_MAX = 100
"""How many keys are listed, the newest first; what ended long ago drops out."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A key that is wanted. `overlap`: how long the key that asks stays good; None: as before."""

    attempt: Attempt
    name: str
    scopes: list[str] | None
    expires_at: datetime | None
    overlap: timedelta | None


@dataclass(frozen=True)
class Change:
    """What becomes of a key; what is not `given` stays as it is."""

    given: frozenset[str]
    name: str = ""
    expires_at: datetime | None = None


def make(
    session: Session, credentials: Credentials, asked: Asked, *, k_codes: bytes, moment: Moment
) -> Answered:
    """Make a key of the caller's own; raise `Forbidden`, `InvalidRequest`.

    It may do what the caller's key may, or less. The body holds the new key itself.
    """
    by = caller(session, credentials, *ROLES)

    def act() -> Answered:
        return Answered(201, _make(session, by, asked, k_codes=k_codes, moment=moment))

    answered = idempotency.once(session, by.tenant, asked.attempt, act, now=moment.now)
    if answered.status != 201:
        return answered
    prefix = answered.body["prefix"]
    key = written_key(prefix, secret_of(k_codes, prefix))
    return answered._replace(body={**answered.body, "api_key": key})


def list_own(session: Session, credentials: Credentials) -> Row:
    """Return the caller's own keys, the newest first."""
    by = caller(session, credentials, *ROLES)
    keys = session.scalars(
        select(ApiKey)
        .where(ApiKey.owner_id == by.owner_id)
        .order_by(ApiKey.created_at.desc(), ApiKey.prefix)
        .limit(SHOWN_MAX)
    )
    return {"api_keys": [shown(key) for key in keys]}


def find(session: Session, credentials: Credentials, prefix: str) -> Row:
    """Return one of the caller's own keys; raise `NotFound`."""
    by = caller(session, credentials, *ROLES)
    return shown(_own(session, by, prefix, lock=False))


def change(
    session: Session, credentials: Credentials, prefix: str, *, to: Change, match: Match
) -> Row:
    """Give one of the caller's own keys another name or end."""
    key = _own(session, caller(session, credentials, *ROLES), prefix)
    match.check(shown(key))
    if "name" in to.given:
        key.name = to.name
    if "expires_at" in to.given:
        key.expires_at = to.expires_at
    session.flush()
    return shown(key)


def revoke(session: Session, credentials: Credentials, prefix: str, *, now: datetime) -> None:
    """Let one of the caller's own keys in no more, at once; twice is as good as once."""
    key = _own(session, caller(session, credentials, *ROLES), prefix)
    key.revoked_at = key.revoked_at or now


def replace(
    session: Session, prefix: str, *, overlap: timedelta, k_codes: bytes, moment: Moment
) -> str:
    """Make the successor of a key, for whoever runs the installation; raise `NotFound`."""
    old = session.get(ApiKey, prefix, with_for_update=True)
    if old is None or old.revoked_at is not None:
        raise NotFound("No key by this prefix that lets in.")
    new = _successor(session, old, k_codes=k_codes, moment=moment)
    _end(old, moment.now + overlap)
    return written_key(new.prefix, secret_of(k_codes, new.prefix))


def shown(key: ApiKey) -> Row:
    """Show a key, without the key itself."""
    return {
        "prefix": key.prefix,
        "role": key.role,
        "name": key.name,
        "scopes": None if key.scopes is None else key.scopes.split(),
        "replaces": key.replaces,
        "created_at": instant(key.created_at),
        "expires_at": key.expires_at and instant(key.expires_at),
        "revoked_at": key.revoked_at and instant(key.revoked_at),
        "last_used_on": key.last_used_on and key.last_used_on.isoformat(),
    }


def secret_of(k_codes: bytes, prefix: str) -> str:
    """Derive the secret of a key that was made here."""
    mine = hmac.digest(k_codes, b"api keys", sha256)
    return b64url(hmac.digest(mine, prefix.encode(), sha256))


def _make(session: Session, by: Caller, asked: Asked, *, k_codes: bytes, moment: Moment) -> Row:
    now = moment.now
    if asked.expires_at is not None and asked.expires_at <= now:
        raise InvalidRequest("`expires_at` lies in the future.")
    scopes = by.scopes if asked.scopes is None else _granted(by, asked.scopes)
    # The row of the own key is locked, so that two at once do not both make the last one.
    mine = session.get(ApiKey, by.prefix, with_for_update=True, populate_existing=True)
    assert mine is not None
    live = session.scalars(
        select(ApiKey.prefix).where(
            ApiKey.owner_id == by.owner_id,
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now),
        )
    ).all()
    if len(live) >= LIVE_MAX:
        raise TooMany(f"At most {LIVE_MAX} of your keys let in at a time; revoke one.")
    new = _successor(session, mine, k_codes=k_codes, moment=moment)
    new.name, new.scopes, new.expires_at = asked.name, scopes, asked.expires_at
    if asked.overlap is None:
        new.replaces = None
    else:
        _end(mine, now + asked.overlap)
    session.flush()
    return shown(new)


def _granted(by: Caller, scopes: list[str]) -> str:
    """Return scopes as they are stored; raise `Forbidden` for one that the caller has not."""
    for scope in scopes:
        if not allows(by.scopes, scope) or scope not in of_role(by.role):
            raise Forbidden(f"Your own key lacks the scope `{scope}`.")
    return written(scopes)


def _successor(session: Session, old: ApiKey, *, k_codes: bytes, moment: Moment) -> ApiKey:
    prefix = moment.random_bytes(PREFIX_BYTES).hex()
    new = ApiKey(
        prefix=prefix,
        role=old.role,
        owner_id=old.owner_id,
        carrier_id=old.carrier_id,
        name=old.name,
        scopes=old.scopes,
        replaces=old.prefix,
        secret_hash=sha256(secret_of(k_codes, prefix).encode()).hexdigest(),
        created_at=moment.now,
    )
    session.add(new)
    return new


def _end(key: ApiKey, at: datetime) -> None:
    """Let a key in until then, unless it ends sooner."""
    key.expires_at = at if key.expires_at is None else min(at, key.expires_at)


def _own(session: Session, by: Caller, prefix: str, *, lock: bool = True) -> ApiKey:
    mine = select(ApiKey).where(ApiKey.prefix == prefix, ApiKey.owner_id == by.owner_id)
    key = session.scalars(mine.with_for_update() if lock else mine).one_or_none()
    if key is None:
        raise NotFound("No key of yours by this prefix.")
    return key
