"""The numbers of many new codes at once, each unique among those in use at its locker."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import JSON, Select, String, bindparam, cast, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.rights.service import CODE_REST, NUMBERS, code_mac
from fellesskap_backend.rights.tables import RightCode


class NewRight(NamedTuple):
    """A right that needs a code, and under what its locker would know that of number 0."""

    locker_id: str
    k_locker: bytes
    right_id: UUID
    first_mac: str

    @classmethod
    def of(cls, locker_id: str, k_locker: bytes, right_id: UUID, k_codes: bytes) -> "NewRight":
        """Derive the code of number 0, which nearly every right is given."""
        first_mac = code_mac(k_locker, k_codes, right_id, n=0)
        return cls(locker_id, k_locker, right_id, first_mac)

    def mac(self, k_codes: bytes, n: int) -> str:
        """Return under what the locker would know the code of a number."""
        return code_mac(self.k_locker, k_codes, self.right_id, n=n) if n else self.first_mac


def number(
    session: Session,
    news: Sequence[NewRight],
    k_codes: bytes,
    now: datetime,
    *,
    in_use: set[str] | None = None,
) -> dict[UUID, int]:
    """Return the smallest number of each right that makes its eight digits unique.

    All are tried with 0 first, in one statement, unless it is known which of those are in use;
    hardly ever one has to be tried again.
    """
    found: dict[UUID, int] = {}
    given: set[tuple[str, str]] = set()
    waiting = list(news)
    for n in NUMBERS:
        if not waiting:
            break
        macs = [one.mac(k_codes, n) for one in waiting]
        if n or in_use is None:
            asked = {mac: one.locker_id for one, mac in zip(waiting, macs, strict=True)}
            in_use = _in_use(session, asked, now)
        again = []
        for one, mac in zip(waiting, macs, strict=True):
            if mac in in_use or (one.locker_id, mac) in given:
                again.append(one)
            else:
                found[one.right_id] = n
                given.add((one.locker_id, mac))
        waiting = again
    assert not waiting
    return found


def _in_use(session: Session, asked: dict[str, str], now: datetime) -> set[str]:
    """Return which of these are in use; `asked` has the locker of each MAC."""
    is_sqlite = session.connection().dialect.name == "sqlite"
    pairs = msgspec.json.encode(asked).decode()
    parameters = {"rested_since": now - CODE_REST, "asked": pairs}
    return set(session.scalars(_ON_SQLITE if is_sqlite else _ON_POSTGRESQL, parameters))


def _statement(each: Any) -> Select[str]:
    pairs = each.table_valued("key", "value")
    return (
        select(RightCode.code_mac)
        .join(pairs, (RightCode.code_mac == pairs.c.key) & (RightCode.locker_id == pairs.c.value))
        .where(RightCode.removed_at.is_(None) | (RightCode.removed_at > bindparam("rested_since")))
    )


_ASKED = bindparam("asked", type_=String)
_ON_POSTGRESQL = _statement(func.json_each_text(cast(_ASKED, JSON)))
_ON_SQLITE = _statement(func.json_each(_ASKED))
