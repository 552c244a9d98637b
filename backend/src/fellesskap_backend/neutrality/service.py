"""The monthly report: for a carrier itself beside the total, for operators and auditors all."""

import hmac
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.carriers.scopes import ROLES
from fellesskap_backend.carriers.service import Credentials, caller
from fellesskap_backend.db import instant
from fellesskap_backend.errors import InvalidRequest
from fellesskap_backend.neutrality.counting import COMPLAINTS_MAX, Span, bounded, count
from fellesskap_backend.neutrality.figures import Figures, jain, told, total
from fellesskap_backend.neutrality.month import Month, month_of
from fellesskap_backend.neutrality.rendering import complaints_of, mine, pseudonym, untold
from fellesskap_backend.neutrality.tables import NeutralFigures, NeutralMonth

Json = dict[str, Any]


def report(
    session: Session, credentials: Credentials, name: str, *, k_codes: bytes, now: datetime
) -> Json:
    """Return the report of a month; raise `InvalidRequest` for one that has not begun.

    A month that was counted is read. Any other is counted now, as far as `bounded` says: for a
    carrier from its own rows alone, since totals that grow under its eyes would tell it of every
    single act of its rivals.
    """
    by = caller(session, credentials, *ROLES)
    month = month_of(name)
    if month.begins > now:
        raise InvalidRequest("This month has not begun.")
    kept = session.get(NeutralMonth, name)
    if by.role == "carrier":
        if kept is not None:
            return _own_kept(session, month, kept, by.carrier_id)
        return _own_now(session, bounded(session, Span.of(month, now, by.carrier_id)))
    secret = hmac.digest(k_codes, b"neutrality pseudonyms", sha256)
    if kept is not None:
        return _all_kept(session, month, secret)
    return _all_now(session, bounded(session, Span.of(month, now)), secret)


def _own_kept(session: Session, month: Month, kept: NeutralMonth, carrier: UUID) -> Json:
    row = session.get(NeutralFigures, (month.name, carrier))
    if row is None:
        yours = mine(Figures(), lent=False, complaints=[])
    else:
        own = Figures.of(row.figures)
        yours = mine(own, lent=row.may_know_lent, complaints=row.complaints)
    return _head(month, None) | kept.told | {"yours": yours, "carriers": None}


def _own_now(session: Session, span: Span) -> Json:
    own = count(session, span).of(str(span.carrier))
    return _head(span.month, span.until) | {
        "total": untold(),
        "jain": None,
        "yours": mine(own, lent=False, complaints=None),
        "carriers": None,
    }


def _all_kept(session: Session, month: Month, secret: bytes) -> Json:
    rows = session.scalars(select(NeutralFigures).where(NeutralFigures.month == month.name)).all()
    everyone = {str(row.carrier_id): Figures.of(row.figures) for row in rows}
    complained = {str(row.carrier_id): row.complaints for row in rows}
    return _head(month, None) | _all(month, everyone, complained, secret)


def _all_now(session: Session, span: Span, secret: bytes) -> Json:
    found = count(session, span)
    complained = {
        carrier: complaints_of(carrier, found.complaints)[:COMPLAINTS_MAX]
        for carrier in found.figures
    }
    return _head(span.month, span.until) | _all(span.month, found.figures, complained, secret)


def _all(
    month: Month, everyone: dict[str, Figures], complained: dict[str, list[Json]], secret: bytes
) -> Json:
    shown = [
        {
            "pseudonym": pseudonym(secret, month.name, carrier),
            **told(one),
            "complained": complained[carrier],
        }
        for carrier, one in everyone.items()
    ]
    return {
        "total": told(total(everyone)),
        "jain": jain(one.share for one in everyone.values()),
        "yours": None,
        "carriers": sorted(shown, key=lambda one: str(one["pseudonym"])),
    }


def _head(month: Month, until: datetime | None) -> Json:
    """Say what a report is of; `until` None: the month was counted for good."""
    return {
        "month": month.name,
        "begins_at": instant(month.begins),
        "ends_at": instant(month.ends),
        "complete": until is None,
        "until": instant(until or month.ends),
    }
