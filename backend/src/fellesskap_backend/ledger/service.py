"""Ingest: record first, apply second, answer where we stand (`docs/protocol.md` 3).

Everything runs in the caller's transaction, which holds the row of the locker and that of the
epoch (the watermark). Nothing here concludes anything from a `head_seq`.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from itertools import chain

import msgspec
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from fellesskap_backend.bulk import insert_all
from fellesskap_backend.committed import when_committed
from fellesskap_backend.db import Moment, Row, table_of
from fellesskap_backend.downlink import Hold
from fellesskap_backend.ledger import doors, epochs
from fellesskap_backend.ledger.apply import At, Recorded, apply_all
from fellesskap_backend.ledger.tables import Entry, Gap
from fellesskap_backend.lockers.restoring import hold_of, progressed
from fellesskap_backend.lockers.service import locked_all
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


def keys_of(session: Session, ids: Collection[str]) -> dict[str, dict[str, PublicKey]]:
    """Return the keys by which lockers may sign: those of devices that were not revoked."""
    keys: dict[str, dict[str, PublicKey]] = {}
    for locker_id, text in session.execute(_KEYS, {"ids": list(ids)}):
        key = _public_key(text)
        keys.setdefault(locker_id, {})[key.kid] = key
    return keys


_DEVICES = table_of(Device).columns
_KEYS = select(_DEVICES.locker_id, _DEVICES.public_key).where(
    _DEVICES.locker_id.in_(bindparam("ids", expanding=True)), _DEVICES.revoked_at.is_(None)
)


@lru_cache(maxsize=100_000)
def _public_key(text: str) -> PublicKey:
    return PublicKey(unb64url(text))


def born(session: Session, locker_id: str, birth: Birth, *, moment: Moment) -> Standing:
    """Take a birth in: a new epoch opens and closes the one before for good."""
    ((locker, epoch),) = _heard(session, {locker_id: birth}, moment)
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
    """Take in what one locker says."""
    return ingest_all(session, {locker_id: batch}, moment=moment, secrets=secrets)[locker_id]


def ingest_all(
    session: Session,
    batches: Mapping[str, Batch],
    *,
    moment: Moment,
    secrets: Secrets | None = None,
) -> dict[str, Standing]:
    """Record what lockers say as far as it continues their journals, apply what was recorded.

    A database that a locker shows to be an older one records nothing before it was told so. Raise
    `UnknownLocker`.
    """
    taken = [
        _taken(At(session, locker, moment, epoch, secrets), epoch, batches[locker.id])
        for locker, epoch in _heard(session, batches, moment)
    ]
    _write(session, taken)
    return {one.epoch.locker_id: _stands(one) for one in taken}


@dataclass(frozen=True)
class _Taken:
    """A batch beside the journal that it continues."""

    at: At
    epoch: Epoch
    batch: Batch
    before: int
    """How much of the journal was recorded before it."""
    current: bool
    verdict: Verdict = "ok"
    rows: Sequence[Row] | None = ()
    """What is new in it; None if nothing of it is recorded."""


def _taken(at: At, epoch: Epoch, batch: Batch) -> _Taken:
    before = epoch.acked_seq
    current = epochs.steers(at.locker, epoch, batch, now=at.moment.now)
    taken = _Taken(at, epoch, batch, before, current)
    if epoch.closed_at is not None:
        return replace(taken, verdict="closed", rows=None)
    if at.locker.behind_since is not None:
        return replace(taken, rows=None)
    rows = _continued(at, epoch, batch)
    if rows is None:
        at.say(log.error, "a batch contradicts the ledger at %d", before)
        return replace(taken, verdict="refused", rows=None)
    return replace(taken, rows=rows)


def _stands(taken: _Taken) -> Standing:
    at, epoch, batch = taken.at, taken.epoch, taken.batch
    recorded = taken.rows is not None
    if recorded and taken.current:
        progressed(at.session, at.locker, epoch, batch=batch, moment=at.moment)
    standing = _standing(at.locker, epoch, batch, verdict=taken.verdict, current=taken.current)
    old = bool(batch.events) and batch.first_seq <= taken.before == epoch.acked_seq
    return replace(standing, repeated=recorded and old)


def resulted(session: Session, locker_id: str, result: Result, *, moment: Moment) -> None:
    """Take a command's outcome in, for speed: the journal says the same, and more, later."""
    (locker,) = _locked(session, [locker_id])
    locker.contact_at = moment.now
    doors.resulted(session, locker_id, result, now=moment.now)


def _heard(
    session: Session, messages: Mapping[str, Birth | Batch], moment: Moment
) -> list[tuple[Locker, Epoch]]:
    """Return the rows of lockers and of the epochs that they speak of, locked, in order."""
    lockers = _locked(session, messages)
    keys = [(one.id, messages[one.id].epoch) for one in lockers]
    known = epochs.locked_all(session, keys)
    for one in lockers:  # not before: it would be written for that query, and again at the end
        one.contact_at = moment.now
    return [
        (
            one,
            known.get(key) or epochs.opened(session, one, messages[one.id], now=moment.now),
        )
        for one, key in zip(lockers, keys, strict=True)
    ]


def _locked(session: Session, ids: Collection[str]) -> list[Locker]:
    found = locked_all(session, ids)
    for locker_id in ids:
        if locker_id not in found:
            raise UnknownLocker(locker_id)
    return list(found.values())


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


def _continued(at: At, epoch: Epoch, batch: Batch) -> Sequence[Row] | None:
    """Return the rows of what is new, the watermark moved on; None if it contradicts the ledger."""
    acked, last_hash = epoch.acked_seq, epoch.last_hash
    gap = batch.gap
    if gap is not None and gap.from_ <= acked + 1 <= gap.to:
        acked, last_hash = gap.to, gap.hash
    else:
        gap = None
    stored = [text.encode() for text in batch.events]
    if stored and batch.first_seq > acked + 1:
        return ()  # a hole: the acknowledgement says what is wanted
    repeats = stored[: max(0, acked + 1 - batch.first_seq)]
    if not _same(at.session, epoch, batch.first_seq, stored=repeats):
        return None
    fresh = stored[len(repeats) :]
    if gap is None and sometimes("ledger.one_at_a_time"):
        fresh = fresh[:1]
    heads = [_head(body) for body in fresh]
    for body, head in zip(fresh, heads, strict=True):
        acked += 1
        if head is not None and (head.seq, head.prev) != (acked, last_hash):
            return None
        last_hash = event_hash(body)
    if gap is not None:
        _note_gap(at, epoch, gap.to, hash_=gap.hash)
    first = acked - len(fresh) + 1
    epoch.acked_seq, epoch.last_hash = acked, last_hash
    return _rows(at, first, fresh, heads=heads)


def _head(body: bytes) -> _Head | None:
    """Read what chains an event to the one before; None for bytes that are no event.

    Those are kept too: the next event's `prev` vouches for them.
    """
    try:
        return msgspec.json.decode(body, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _same(session: Session, epoch: Epoch, first_seq: int, *, stored: Sequence[bytes]) -> bool:
    """Say whether what is repeated is what was recorded; of rows in a gap nothing is known.

    A chain that ends in the watermark's hash can be no other, and nothing need be read.
    """
    if not stored or _leads_to(epoch, first_seq, stored):
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


def _leads_to(epoch: Epoch, first_seq: int, stored: Sequence[bytes]) -> bool:
    """Say whether bytes are a chain that ends where the journal stands."""
    heads = [_head(body) for body in stored[1:]]
    hashes = [event_hash(body) for body in stored]
    return (
        first_seq + len(stored) - 1 == epoch.acked_seq
        and hashes[-1] == epoch.last_hash
        and all(
            head is not None and head.prev == before
            for head, before in zip(heads, hashes[:-1], strict=True)
        )
    )


def _note_gap(at: At, epoch: Epoch, last_seq: int, *, hash_: str) -> None:
    first_seq = epoch.acked_seq + 1
    at.say(log.error, "events %d to %d of its journal are lost", first_seq, last_seq)
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
) -> list[Row]:
    """Return the rows, one microsecond apart, so that their order stays told."""
    assert at.epoch is not None
    return [
        {
            "locker_id": at.epoch.locker_id,
            "epoch": at.epoch.epoch,
            "seq": first_seq + place,
            "type": head.type[:TYPE_CHARS_MAX].replace("\0", "") if head else UNREADABLE,
            "body": body,
            "recorded_at": at.moment.now + timedelta(microseconds=place),
        }
        for place, (body, head) in enumerate(zip(stored, heads, strict=True))
    ]


def _write(session: Session, taken: Sequence[_Taken]) -> None:
    """Record the rows, then apply them."""
    session.flush()
    rows = [row for one in taken for row in one.rows or ()]
    insert_all(session, Entry, rows)
    recorded = [
        Recorded(
            one.at,
            [(one.at.moment.then(row["recorded_at"]), row["body"]) for row in one.rows],
        )
        for one in taken
        if one.rows
    ]
    reasons = chain.from_iterable(apply_all(session, recorded))
    for row, reason in zip(rows, reasons, strict=True):
        if reason is not None:
            note_applied(session, Entry(**row), reason)


def note_applied(session: Session, row: Entry, reason: str | None) -> None:
    """Keep why an event could not be applied, loudly; None if it could."""
    if reason is None and row.unapplied is None:
        return
    if reason is not None:
        text = "locker %s: event %d (%s) kept: %s"
        when_committed(session, log.error, text, row.locker_id, row.seq, row.type, reason)
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
