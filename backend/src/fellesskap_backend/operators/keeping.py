"""What keeps a fleet going: lockers given up, devices put in and refused, kept events applied.

Done over HTTP (`deeds`) and by commands (`upkeep`) alike; each leaves the row of its act.
"""

from typing import Any

from sqlalchemy import select

from fellesskap_backend.db import instant
from fellesskap_backend.ledger import again
from fellesskap_backend.lockers import lost, restoring
from fellesskap_backend.lockers import service as lockers
from fellesskap_backend.lockers.tables import Device, Locker
from fellesskap_backend.operators.recording import Doing, Upon
from fellesskap_backend.secrets import Secrets

Row = dict[str, Any]


def write_off(doing: Doing, locker_id: str) -> Row:
    """Give a locker up, for good; twice is once. The reason is told to the carriers concerned."""
    before = doing.session.get(Locker, locker_id)
    was_given_up = before is not None and before.written_off_at is not None
    lost.write_off(doing.session, locker_id, reason=doing.reason, moment=doing.moment)
    if not was_given_up:
        doing.note("write_off_locker", Upon(locker_id))
    row = doing.session.get_one(Locker, locker_id)
    assert row.written_off_at is not None
    return {"locker_id": locker_id, "written_off_at": instant(row.written_off_at)}


def replace(doing: Doing, locker_id: str, device_id: str, *, public_key: str) -> Row:
    """Put another device in; the ones before are refused. Raises `NotFound`, `InvalidRequest`."""
    others = select(Device.id).where(
        Device.locker_id == locker_id, Device.id != device_id, Device.revoked_at.is_(None)
    )
    revoked = sorted(doing.session.scalars(others).all())
    lockers.replace_device(
        doing.session,
        locker_id,
        device_id=device_id,
        public_key=public_key,
        now=doing.moment.now,
    )
    doing.note("replace_device", Upon(locker_id), device_id=device_id, revoked=revoked)
    return {"locker_id": locker_id, "device_id": device_id, "revoked": revoked}


def revoke(doing: Doing, locker_id: str, device_id: str) -> Row:
    """Let a device speak no more; twice is once. Raises `NotFound`."""
    before = doing.session.get(Device, device_id)
    was_good = before is not None and before.revoked_at is None
    lockers.revoke_device(doing.session, locker_id, device_id, now=doing.moment.now)
    if was_good:
        doing.note("revoke_device", Upon(locker_id), device_id=device_id)
    device = doing.session.get_one(Device, device_id)
    assert device.revoked_at is not None
    at = instant(device.revoked_at)
    return {"locker_id": locker_id, "device_id": device_id, "revoked_at": at}


def apply_unapplied(
    doing: Doing, locker_id: str | None, seq: int | None, *, secrets: Secrets
) -> list[Row]:
    """Apply again what was kept, in order; what still fails is shown with its reason."""
    found = again.apply_again(
        doing.session, moment=doing.moment, secrets=secrets, locker_id=locker_id, seq=seq
    )
    left = sum(one["unapplied"] is not None for one in found)
    doing.note("apply_unapplied", Upon(locker_id), tried=len(found), left=left)
    return found


def restored(doing: Doing) -> list[Row]:
    """Begin a new generation of every locker, by command alone: no server signs before."""
    found = restoring.restored(doing.session, doing.moment)
    doing.note("restored", Upon(), lockers=len(found))
    return found
