"""What each locker may do: changed here by revision, read here by the bridge.

Every function takes the row of the locker locked (`lockers.service.locked`), or a revision.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, cast, exists, select
from sqlalchemy.orm import Session

from fellesskap_backend.allowances.tables import Allowance
from fellesskap_backend.db import held
from fellesskap_backend.lists import dialect_of, listed, pairs
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights.tables import Right, RightCode
from fellesskap_protocol import messages
from fellesskap_protocol.codes import mac, pickup_code, qr_value, short_code

CODE_REST = timedelta(days=30)
"""How long eight digits stay unused at a locker after their right was removed."""
NUMBERS = range(4)
"""The numbers a code may have: with 10,000 codes at a locker all are taken once in 10^16."""
NUMBERS_EVER = range(40)
"""How often a code may be rotated: each time it gets one of the next four numbers. Among these a
restored database finds the number of a code that it had forgotten."""


class Codes(NamedTuple):
    """What a right's person types or shows; rendered at the moment of sending, never stored."""

    code: str
    """Eight digits."""
    addition: str
    """Four more, if the locker asks."""
    qr: str

    def __repr__(self) -> str:
        """Show nothing: codes stand in no log."""
        return "Codes(…)"


class CodeMacs(NamedTuple):
    """The same as a locker knows it."""

    code: str
    long_code: str
    qr: str


class Change(NamedTuple):
    """What takes a locker from one revision to another."""

    puts: tuple[messages.Right, ...]
    removes: tuple[str, ...]
    to: int


def wish(session: Session, locker: Locker, right: messages.Right) -> int:
    """Let the locker have this right, or have it changed; return the revision that says so."""
    locker.revision += 1
    body = messages.encode(right).decode()
    row = held(session, Right, locker.id, UUID(right.id))
    if row is None:
        row = Right(locker_id=locker.id, id=UUID(right.id))
        session.add(row)
    row.revision, row.removed, row.body = locker.revision, False, body
    return locker.revision


def forget(session: Session, locker: Locker, right_id: UUID) -> int:
    """Take a right away; return the revision that says so (the present one if it had none)."""
    row = held(session, Right, locker.id, right_id)
    if row is not None and not row.removed:
        locker.revision += 1
        row.revision, row.removed = locker.revision, True
    return locker.revision


def changes(session: Session, positions: Mapping[str, int]) -> dict[str, Change]:
    """Return what leads lockers from revisions (0: from empty) to those wished now.

    An allowance of an earlier store is left out: `allowances.service.begin` wishes it anew.
    """
    wished = session.execute(_WISHED, {"ids": list(positions)})
    to = {row.id: row.revision for row in wished}
    rows: dict[str, list[Any]] = {locker_id: [] for locker_id in to}
    for row in session.execute(_changed(dialect_of(session)), listed(positions.items())):
        if row.revision <= to[row.locker_id] and (positions[row.locker_id] or not row.removed):
            rows[row.locker_id].append(row)
    return {
        locker_id: Change(
            tuple(messages.decode(messages.Right, row.body) for row in each if not row.removed),
            tuple(str(row.id) for row in each if row.removed),
            to[locker_id],
        )
        for locker_id, each in rows.items()
    }


_OF_AN_EARLIER_STORE = exists().where(
    Allowance.locker_id == Right.locker_id,
    Allowance.right_id == Right.id,
    Locker.id == Right.locker_id,
    Allowance.epoch.is_distinct_from(Locker.epoch),
)
"""Allowances whose running totals a new store would read as its own: they wait for its journal."""
_WISHED = (
    select(Locker.id, Locker.revision)
    .where(Locker.id.in_(bindparam("ids", expanding=True)))
    .order_by(Locker.id)
)


@cache
def _changed(dialect: str) -> Select[str, UUID, int, bool, str]:
    """Return what changed at lockers since a revision each."""
    since = pairs(dialect)
    return (
        select(Right.locker_id, Right.id, Right.revision, Right.removed, Right.body)
        .join(since, Right.locker_id == since.c.first)
        .where(Right.revision > cast(since.c.second, Integer), ~_OF_AN_EARLIER_STORE)
        .order_by(Right.locker_id, Right.revision, Right.id)
    )


def right_of(session: Session, locker_id: str, right_id: UUID) -> messages.Right | None:
    """Return a right as last wished, or None if it is unknown or removed."""
    row = held(session, Right, locker_id, right_id)
    if row is None or row.removed:
        return None
    return messages.decode(messages.Right, row.body)


def codes_of(k_codes: bytes, right_id: UUID, n: int) -> Codes:
    """Derive what the person of a right types or shows."""
    digits = pickup_code(k_codes, right_id, n)
    code = short_code(digits)
    return Codes(code, digits[len(code) :], qr_value(k_codes, right_id, n))


def macs_of(k_locker: bytes, codes: Codes) -> CodeMacs:
    """Return under what a locker knows these codes."""
    return CodeMacs(
        mac(k_locker, "code", codes.code),
        mac(k_locker, "long_code", codes.code + codes.addition),
        mac(k_locker, "qr", codes.qr),
    )


def code_mac(k_locker: bytes, k_codes: bytes, right_id: UUID, *, n: int) -> str:
    """Return under what a locker would know the eight digits of number `n`."""
    return mac(k_locker, "code", short_code(pickup_code(k_codes, right_id, n)))


def number_of(session: Session, right_id: UUID) -> int | None:
    """Return the `n` of a right's code, from which the code is derived again."""
    return session.scalars(select(RightCode.n).where(RightCode.right_id == right_id)).one_or_none()


def number_in_force(session: Session, right_id: UUID) -> int | None:
    """Return the `n` of a right's code; None unless the right as wished now opens by that code."""
    code = held(session, RightCode, right_id)
    if code is None:
        return None
    right = right_of(session, code.locker_id, right_id)
    if right is None or right.revoked or right.code_mac != code.code_mac:
        return None
    return code.n


def retire_code(session: Session, right_id: UUID, now: datetime) -> None:
    """Say that a right's code is of no use from now on; its digits rest for 30 days."""
    row = held(session, RightCode, right_id)
    if row is not None and row.removed_at is None:
        row.removed_at = now
