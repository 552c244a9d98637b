"""What operators do once: settle disputes, give lockers up, put in and refuse devices, apply again.

Each is an effect under an Idempotency-Key, with a row that says who did it and why.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from fellesskap_backend import idempotency
from fellesskap_backend.carriers.service import Credentials
from fellesskap_backend.db import Moment, instant
from fellesskap_backend.idempotency import Answered, Attempt
from fellesskap_backend.ledger import again
from fellesskap_backend.lockers import lost
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.tables import Device, Locker
from fellesskap_backend.operators import services, worklists
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.parcels import acts
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]


@dataclass(frozen=True)
class Deed:
    """An act that is asked for: in which transaction, by whose key, which attempt, and why."""

    session: Session
    credentials: Credentials
    attempt: Attempt
    moment: Moment
    reason: str = field(repr=False)

    def once(self, act: Callable[[Doing], Row]) -> Answered:
        """Do it once per key; the answer is what `act` shows."""
        doing = Doing.of(self.session, self.credentials, self.reason, self.moment)

        def answer() -> Answered:
            body = act(doing)
            self.session.flush()
            return Answered(200, body)

        return idempotency.once(
            self.session, doing.by.tenant, self.attempt, answer, now=self.moment.now
        )


def resolve(deed: Deed, parcel_id: UUID, outcome: acts.Outcome) -> Answered:
    """Say what became of a parcel in dispute; raise `NotFound`, `WrongState`."""

    def act(doing: Doing) -> Row:
        parcel = acts.resolve(
            deed.session, deed.credentials, parcel_id, outcome, moment=deed.moment
        )
        upon = Upon(parcel.locker_id, parcel.compartment, parcel.id)
        doing.note("resolve_parcel", upon, outcome=outcome)
        deed.session.flush()
        return worklists.parcel_shown(deed.session, parcel)

    return deed.once(act)


def clear(deed: Deed, locker_id: str, number: int) -> Answered:
    """Say that somebody looked into a suspect compartment; raise `NotFound`, `WrongState`."""
    return deed.once(lambda doing: services.clear(doing, locker_id, number))


def write_off(deed: Deed, locker_id: str) -> Answered:
    """Give a locker up, for good; twice is once. The reason is told to the carriers concerned."""

    def act(doing: Doing) -> Row:
        before = deed.session.get(Locker, locker_id)
        was_given_up = before is not None and before.written_off_at is not None
        lost.write_off(deed.session, locker_id, reason=deed.reason, moment=deed.moment)
        if not was_given_up:
            doing.note("write_off_locker", Upon(locker_id))
        row = deed.session.get_one(Locker, locker_id)
        assert row.written_off_at is not None
        return {"locker_id": locker_id, "written_off_at": instant(row.written_off_at)}

    return deed.once(act)


def replace(deed: Deed, locker_id: str, device_id: str, *, public_key: str) -> Answered:
    """Put another device in; the ones before are refused. Raises `NotFound`, `InvalidRequest`.

    What the device must know is a secret: whoever calls renders it into what is sent.
    """

    def act(doing: Doing) -> Row:
        others = select(Device.id).where(
            Device.locker_id == locker_id, Device.id != device_id, Device.revoked_at.is_(None)
        )
        revoked = sorted(deed.session.scalars(others).all())
        lockers.replace_device(
            deed.session,
            locker_id,
            device_id=device_id,
            public_key=public_key,
            now=deed.moment.now,
        )
        doing.note("replace_device", Upon(locker_id), device_id=device_id, revoked=revoked)
        return {"locker_id": locker_id, "device_id": device_id, "revoked": revoked}

    return deed.once(act)


def revoke(deed: Deed, locker_id: str, device_id: str) -> Answered:
    """Let a device speak no more; twice is once. Raises `NotFound`."""

    def act(doing: Doing) -> Row:
        before = deed.session.get(Device, device_id)
        was_good = before is not None and before.revoked_at is None
        lockers.revoke_device(deed.session, locker_id, device_id, now=deed.moment.now)
        if was_good:
            doing.note("revoke_device", Upon(locker_id), device_id=device_id)
        device = deed.session.get_one(Device, device_id)
        assert device.revoked_at is not None
        at = instant(device.revoked_at)
        return {"locker_id": locker_id, "device_id": device_id, "revoked_at": at}

    return deed.once(act)


def apply_unapplied(
    deed: Deed, locker_id: str | None, seq: int | None, *, secrets: Secrets
) -> Answered:
    """Apply again what was kept, in order; what still fails is shown with its reason."""

    def act(doing: Doing) -> Row:
        found = again.apply_again(
            deed.session,
            moment=deed.moment,
            secrets=secrets,
            locker_id=locker_id,
            seq=seq,
        )
        left = sum(one["unapplied"] is not None for one in found)
        doing.note("apply_unapplied", Upon(locker_id), tried=len(found), left=left)
        return {"events": found}

    return deed.once(act)
