"""New codes for rights that are made without a reservation: drop-offs, unannounced parcels."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.rights.service import (
    CODE_REST,
    NUMBERS,
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
    k_locker = secrets.k_locker(locker.id, locker.k_version)
    candidates = [code_mac(k_locker, secrets.k_codes, right_id, n=n) for n in NUMBERS]
    in_use = session.scalars(
        select(RightCode.code_mac).where(
            RightCode.locker_id == locker.id,
            RightCode.code_mac.in_(candidates),
            RightCode.removed_at.is_(None) | (RightCode.removed_at > moment.now - CODE_REST),
        )
    ).all()
    n = next(n for n in NUMBERS if candidates[n] not in in_use)
    session.add(RightCode(right_id=right_id, locker_id=locker.id, n=n, code_mac=candidates[n]))
    return Issued(right_id, macs_of(k_locker, codes_of(secrets.k_codes, right_id, n)), k_locker)
