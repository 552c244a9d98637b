"""Ingest: record first, apply second, answer where we stand (`docs/protocol.md` 3).

Everything runs in the caller's transaction, which holds the row of the locker and that of the
epoch (the watermark). Nothing here concludes anything from a `head_seq`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.db import Moment
from fellesskap_backend.ledger import doors
from fellesskap_backend.ledger.apply import At, apply
from fellesskap_backend.ledger.tables import Entry, Gap
from fellesskap_backend.lockers.service import locked
from fellesskap_backend.lockers.tables import Device, Epoch, Locker
from fellesskap_protocol.events import GENESIS
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
    epoch = _opened(session, locker, birth, moment=moment)
    verdict: Verdict = "ok" if epoch.closed_at is None else "closed"
    standing = _standing(locker, epoch, birth, verdict=verdict)
    if standing.current:
        epoch.protocol = birth.protocol
    return replace(standing, challenge=birth.challenge)


def ingest(session: Session, locker_id: str, batch: Batch, *, moment: Moment) -> Standing:
    """Record a batch as far as it continues the journal, apply what was recorded."""
    locker = _heard(session, locker_id, moment)
    epoch = _opened(session, locker, batch, moment=moment)
    if epoch.closed_at is not None:
        return _standing(locker, epoch, batch, verdict="closed")
    verdict = _record(session, locker, epoch, batch=batch, moment=moment)
    if verdict == "refused":
        log.error("locker %s: a batch contradicts the ledger at %d", locker_id, epoch.acked_seq)
    return _standing(locker, epoch, batch, verdict=verdict)


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


def _opened(session: Session, locker: Locker, message: Birth | Batch, *, moment: Moment) -> Epoch:
    """Return the epoch's row, locked; a new one if the store is new to us."""
    epoch = session.get(
        Epoch, (locker.id, message.epoch), with_for_update=True, populate_existing=True
    )
    if epoch is not None:
        return epoch
    session.execute(
        update(Epoch)
        .where(Epoch.locker_id == locker.id, Epoch.closed_at.is_(None))
        .values(closed_at=moment.now)
    )
    epoch = Epoch(
        locker_id=locker.id,
        epoch=message.epoch,
        opened_at=moment.now,
        acked_seq=0,
        last_hash=GENESIS,
        boot_id=message.boot_id,
        session=message.session,
        protocol=1,
    )
    session.add(epoch)
    locker.epoch = message.epoch
    # What a lost store had applied says nothing of the new one: capacity that was to be freed
    # waits for the first `rights_applied` of this epoch.
    locker.applied_generation = locker.applied_revision = 0
    return epoch


def _standing(
    locker: Locker, epoch: Epoch, message: Birth | Batch, *, verdict: Verdict
) -> Standing:
    """Say where we stand, and let a message of the present connection steer what is sent.

    A delayed message of an earlier connection is answered (the edge ignores it), so that a store
    that went back in time learns of it; it moves nothing.
    """
    current = epoch.closed_at is None and message.session >= epoch.session
    if current:
        epoch.boot_id, epoch.session = message.boot_id, message.session
        locker.reported_generation = message.generation
        locker.reported_revision = message.revision
    return Standing(
        epoch=epoch.epoch,
        boot_id=message.boot_id,
        session=message.session,
        challenge=None,
        acked_seq=epoch.acked_seq,
        verdict=verdict,
        current=current,
        wanted=(locker.generation, locker.revision),
    )


def _record(
    session: Session, locker: Locker, epoch: Epoch, *, batch: Batch, moment: Moment
) -> Verdict:
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
    if not _same(session, epoch, batch.first_seq, stored=repeats):
        return "refused"
    fresh = stored[len(repeats) :]
    heads = [_head(body) for body in fresh]
    for body, head in zip(fresh, heads, strict=True):
        acked += 1
        if head is not None and (head.seq, head.prev) != (acked, last_hash):
            return "refused"
        last_hash = event_hash(body)
    if gap is not None:
        _note_gap(session, epoch, gap.to, hash_=gap.hash, moment=moment)
    first = acked - len(fresh) + 1
    epoch.acked_seq, epoch.last_hash = acked, last_hash
    if fresh:
        _write(session, locker, _rows(epoch, first, fresh, heads=heads), moment=moment)
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
        )
    )
    return all(event_hash(body) == event_hash(stored[seq - first_seq]) for seq, body in known)


def _note_gap(session: Session, epoch: Epoch, last_seq: int, *, hash_: str, moment: Moment) -> None:
    first_seq = epoch.acked_seq + 1
    log.error(
        "locker %s: events %d to %d of its journal are lost", epoch.locker_id, first_seq, last_seq
    )
    session.add(
        Gap(
            locker_id=epoch.locker_id,
            epoch=epoch.epoch,
            first_seq=first_seq,
            last_seq=last_seq,
            hash=hash_,
            recorded_at=moment.now,
        )
    )


def _rows(
    epoch: Epoch, first_seq: int, stored: Sequence[bytes], *, heads: Sequence[_Head | None]
) -> list[Entry]:
    return [
        Entry(
            locker_id=epoch.locker_id,
            epoch=epoch.epoch,
            seq=seq,
            type=head.type[:TYPE_CHARS_MAX] if head else UNREADABLE,
            body=body,
        )
        for seq, (body, head) in enumerate(zip(stored, heads, strict=True), start=first_seq)
    ]


def _write(session: Session, locker: Locker, rows: list[Entry], *, moment: Moment) -> None:
    """Record the rows, then apply each; one microsecond apart, so that their order stays told."""
    names = ("locker_id", "epoch", "seq", "type", "body")
    moments = [
        replace(moment, now=moment.now + timedelta(microseconds=place))
        for place in range(len(rows))
    ]
    values = [
        {name: getattr(row, name) for name in names} | {"recorded_at": each.now}
        for row, each in zip(rows, moments, strict=True)
    ]
    session.flush()
    session.execute(insert(Entry), values)
    for row, each in zip(rows, moments, strict=True):
        reason = apply(At(session, locker, each), row.body)
        if reason is not None:
            log.error("locker %s: event %d (%s) kept: %s", row.locker_id, row.seq, row.type, reason)
            session.execute(
                update(Entry)
                .where(
                    Entry.locker_id == row.locker_id,
                    Entry.epoch == row.epoch,
                    Entry.seq == row.seq,
                )
                .values(unapplied=reason)
            )
