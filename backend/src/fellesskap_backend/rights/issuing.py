"""New codes for rights: those made without a reservation, and those whose code is rotated."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.errors import TooMany
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights.service import (
    CODE_REST,
    NUMBERS,
    NUMBERS_EVER,
    CodeMacs,
    code_mac,
    codes_of,
    macs_of,
)
from fellesskap_backend.rights.tables import RightCode
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.codes import mac


@dataclass(frozen=True)
class Issued:
    """A new right's id and under what its locker knows its codes."""

    right_id: UUID
    macs: CodeMacs = field(repr=False)
    k_locker: bytes = field(repr=False)

    def label(self, key: str) -> str:
        """Return under what the locker knows a label."""
        return mac(self.k_locker, "label", key)


def issue(session: Session, locker: Locker, *, secrets: Secrets, moment: Moment) -> Issued:
    """Give a new right its code, unique among those in use at the locker (its row is locked)."""
    right_id = moment.new_id()
    made = _Digits(session, locker, secrets, moment).of(right_id, NUMBERS)
    session.add(made)
    return _issued(locker, right_id, made.n, secrets)


def renew(
    session: Session, locker: Locker, right_id: UUID, *, secrets: Secrets, moment: Moment
) -> Issued:
    """Give a right another code; the old digits rest for 30 days, under an id of their own.

    Raises `TooMany` once it had as many as can be told apart after a restored backup.
    """
    code = session.get_one(RightCode, right_id)
    numbers = range(code.n + 1, code.n + 1 + len(NUMBERS))
    if numbers.stop > NUMBERS_EVER.stop:
        raise TooMany("This code was rotated too often; give somebody a second one instead.")
    made = _Digits(session, locker, secrets, moment).of(right_id, numbers)
    rests_since = code.removed_at or moment.now
    session.add(
        RightCode(
            right_id=moment.new_id(),
            locker_id=locker.id,
            n=code.n,
            code_mac=code.code_mac,
            removed_at=rests_since,
        )
    )
    code.n, code.code_mac, code.removed_at = made.n, made.code_mac, None
    return _issued(locker, right_id, made.n, secrets)


@dataclass(frozen=True)
class _Digits:
    """Finds digits that nobody else has at a locker."""

    session: Session
    locker: Locker
    secrets: Secrets
    moment: Moment

    def of(self, right_id: UUID, numbers: Iterable[int]) -> RightCode:
        """Return the row of the first number whose digits are free; it is not added."""
        k_locker = self.secrets.k_locker(self.locker.id, self.locker.k_version)
        candidates = {n: code_mac(k_locker, self.secrets.k_codes, right_id, n=n) for n in numbers}
        in_use = self.session.scalars(
            select(RightCode.code_mac).where(
                RightCode.locker_id == self.locker.id,
                RightCode.code_mac.in_(candidates.values()),
                RightCode.removed_at.is_(None)
                | (RightCode.removed_at > self.moment.now - CODE_REST),
            )
        ).all()
        n = next(n for n, one in candidates.items() if one not in in_use)
        return RightCode(right_id=right_id, locker_id=self.locker.id, n=n, code_mac=candidates[n])


def _issued(locker: Locker, right_id: UUID, n: int, secrets: Secrets) -> Issued:
    k_locker = secrets.k_locker(locker.id, locker.k_version)
    return Issued(right_id, macs_of(k_locker, codes_of(secrets.k_codes, right_id, n)), k_locker)
