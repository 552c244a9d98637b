"""Ingest: record first, apply second, answer where we stand (`docs/protocol.md` 3).

Everything runs in the caller's transaction, which holds the row of the locker and that of the
epoch (the watermark). Nothing here concludes anything from a `head_seq`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import insert_all
from fellesskap_backend.db import Moment
from fellesskap_backend.downlink import Hold
from fellesskap_backend.ledger import doors, epochs
from fellesskap_backend.ledger.apply import At, apply_all
from fellesskap_backend.ledger.tables import Entry, Gap
from fellesskap_backend.lockers.restoring import hold_of, progressed
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Device, Epoch, Locker
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.buggify import sometimes
from fellesskap_protocol.messages import Batch, Birth, Result, Verdict, event_hash
from fellesskap_protocol.signing import PublicKey, unb64url

log = logging.getLogger(__name__)
UNREADABLE = "unreadable"
"""The type under which bytes are kept that are no event at all."""
TYPE_CHARS_MAX = 64


class UnknownLocker(LookupError):
    """A message of a locker that was never provisioned."""


@dataclass(frozen=True)
class Standing:
    """Where we stand in a journal: what an acknowledgement says."""

    epoch: str
    boot_id: str
    session: int
    challenge: str | None
    acked_seq: int
    verdict: Verdict
    current: bool
    """Whether the message speaks of the locker's present epoch and connection."""
    wanted: tuple[int, int]
    """Generation and revision that the locker should have now."""
    hold: Hold
    """What must not be sent to it now."""
    repeated: bool = False
    """Whether nothing was new in it: our acknowledgement did not arrive, or was not believed."""


class _Head(msgspec.Struct, frozen=True):
    """What the ledger must know of an event, whatever else it says."""

    seq: int
    prev: str
    type: str


def keys_of(session: Session, locker_id: str) -> dict[str, PublicKey]:
    """Return the keys by which a locker may sign: those of devices that were not revoked."""
    rows = session.scalars(
        select(Device.public_key).where(Device.locker_id == locker_id, Device.revoked_at.is_(None))
    )
    return {key.kid: key for key in map(_public_key, rows)}


@lru_cache(maxsize=100_000)
def _public_key(text: str) -> PublicKey:
    return PublicKey(unb64url(text))


def born(session: Session, locker_id: str, birth: Birth, *, moment: Moment) -> Standing:
    """Take a birth in: a new epoch opens and closes the one before for good."""
    locker = _heard(session, locker_id, moment)
    epoch = epochs.opened(session, locker, birth, now=moment.now)
    current = epochs.steers(locker, epoch, birth, now=moment.now)
    if current:
        epoch.protocol = birth.protocol
    verdict: Verdict = "ok" if epoch.closed_at is None else "closed"
    standing = _standing(locker, epoch, birth, verdict=verdict, current=current)
    return replace(standing, challenge=birth.challenge)


def ingest(
    session: Session,
    locker_id: str,
    batch: Batch,
    *,
    moment: Moment,
    secrets: Secrets | None = None,
) -> Standing:
    """Record a batch as far as it continues the journal, apply what was recorded.

    A database that the locker shows to be an older one records nothing before it was told so.
    """
    locker = _heard(session, locker_id, moment)
    epoch = epochs.opened(session, locker, batch, now=moment.now)
    current = epochs.steers(locker, epoch, batch, now=moment.now)
    if epoch.closed_at is not None or locker.behind_since is not None:
        verdict: Verdict = "ok" if epoch.closed_at is None else "closed"
        return _standing(locker, epoch, batch, verdict=verdict, current=current)
    before = epoch.acked_seq
    at = At(session, locker, moment, epoch, secrets)
    verdict = _record(at, epoch, batch)
    if verdict == "refused":
        log.error("locker %s: a batch contradicts the ledger at %d", locker_id, epoch.acked_seq)
    elif current:
        progressed(session, locker, epoch, batch=batch, moment=moment)
    standing = _standing(locker, epoch, batch, verdict=verdict, current=current)
    old = bool(batch.events) and batch.first_seq <= before == epoch.acked_seq
    return replace(standing, repeated=old and verdict == "ok")


def resulted(session: Session, locker_id: str, result: Result, *, moment: Moment) -> None:
    """Take a command's outcome in, for speed: the journal says the same, and more, later."""
    _heard(session, locker_id, moment)
    doors.resulted(session, locker_id, result, now=moment.now)


def _heard(session: Session, locker_id: str, moment: Moment) -> Locker:
    locker = locked(session, locker_id)
    if locker is None:
        raise UnknownLocker(locker_id)
    locker.contact_at = moment.now
    return locker


def _standing(
    locker: Locker, epoch: Epoch, message: Birth | Batch, *, verdict: Verdict, current: bool
) -> Standing:
    return Standing(
        epoch=epoch.epoch,
        boot_id=message.boot_id,
        session=message.session,
        challenge=None,
        acked_seq=epoch.acked_seq,
        verdict=verdict,
        current=current,
        wanted=(locker.generation, locker.revision),
        hold=hold_of(locker),
    )


def _record(at: At, epoch: Epoch, batch: Batch) -> Verdict:
    acked, last_hash = epoch.acked_seq, epoch.last_hash
    gap = batch.gap
    if gap is not None and gap.from_ <= acked + 1 <= gap.to:
        acked, last_hash = gap.to, gap.hash
    else:
        gap = None
    stored = [text.encode() for text in batch.events]
    if stored and batch.first_seq > acked + 1:
        return "ok"  # a hole: the acknowledgement says what is wanted
    repeats = stored[: max(0, acked + 1 - batch.first_seq)]
    if not _same(at.session, epoch, batch.first_seq, stored=repeats):
        return "refused"
    fresh = stored[len(repeats) :]
    if gap is None and sometimes("ledger.one_at_a_time"):
        fresh = fresh[:1]
    heads = [_head(body) for body in fresh]
    for body, head in zip(fresh, heads, strict=True):
        acked += 1
        if head is not None and (head.seq, head.prev) != (acked, last_hash):
            return "refused"
        last_hash = event_hash(body)
    if gap is not None:
        _note_gap(at, epoch, gap.to, hash_=gap.hash)
    first = acked - len(fresh) + 1
    epoch.acked_seq, epoch.last_hash = acked, last_hash
    if fresh:
        _write(at, _rows(at, first, fresh, heads=heads))
    return "ok"


def _head(body: bytes) -> _Head | None:
    """Read what chains an event to the one before; None for bytes that are no event.

    Those are kept too: the next event's `prev` vouches for them.
    """
    try:
        return msgspec.json.decode(body, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _same(session: Session, epoch: Epoch, first_seq: int, *, stored: Sequence[bytes]) -> bool:
    """Say whether what is repeated is what was recorded; of rows in a gap nothing is known."""
    if not stored:
        return True
    known = session.execute(
        select(Entry.seq, Entry.body).where(
            Entry.locker_id == epoch.locker_id,
            Entry.epoch == epoch.epoch,
            Entry.seq.between(first_seq, first_seq + len(stored) - 1),
            Entry.recorded_at >= epoch.opened_at,  # so that earlier months are not looked into
        )
    )
    return all(event_hash(body) == event_hash(stored[seq - first_seq]) for seq, body in known)


def _note_gap(at: At, epoch: Epoch, last_seq: int, *, hash_: str) -> None:
    first_seq = epoch.acked_seq + 1
    log.error(
        "locker %s: events %d to %d of its journal are lost", epoch.locker_id, first_seq, last_seq
    )
    at.session.add(
        Gap(
            locker_id=epoch.locker_id,
            epoch=epoch.epoch,
            first_seq=first_seq,
            last_seq=last_seq,
            hash=hash_,
            recorded_at=at.moment.now,
        )
    )


def _rows(
    at: At, first_seq: int, stored: Sequence[bytes], *, heads: Sequence[_Head | None]
) -> list[dict[str, Any]]:
    """Return the rows, one microsecond apart, so that their order stays told."""
    assert at.epoch is not None
    return [
        {
            "locker_id": at.epoch.locker_id,
            "epoch": at.epoch.epoch,
            "seq": first_seq + place,
            "type": head.type[:TYPE_CHARS_MAX] if head else UNREADABLE,
            "body": body,
            "recorded_at": at.moment.now + timedelta(microseconds=place),
        }
        for place, (body, head) in enumerate(zip(stored, heads, strict=True))
    ]


def _write(at: At, rows: list[dict[str, Any]]) -> None:
    """Record the rows, then apply them."""
    at.session.flush()
    insert_all(at.session, Entry, rows)
    moments = [replace(at.moment, now=row["recorded_at"]) for row in rows]
    reasons = apply_all(at, moments, [row["body"] for row in rows])
    for row, reason in zip(rows, reasons, strict=True):
        if reason is not None:
            note_applied(at.session, Entry(**row), reason)


def note_applied(session: Session, row: Entry, reason: str | None) -> None:
    """Keep why an event could not be applied, loudly; None if it could."""
    if reason is None and row.unapplied is None:
        return
    if reason is not None:
        log.error("locker %s: event %d (%s) kept: %s", row.locker_id, row.seq, row.type, reason)
    session.execute(
        update(Entry)
        .where(
            Entry.locker_id == row.locker_id,
            Entry.epoch == row.epoch,
            Entry.seq == row.seq,
            Entry.recorded_at == row.recorded_at,
        )
        .values(unapplied=reason)
    )
