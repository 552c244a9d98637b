"""The one store of the edge: events in a hash chain, and the facts that must survive. APSW.

WAL and `synchronous=FULL`: what `commit` returned from survives a power cut (docs/decisions/0003).
The store is read once, at the start, by a full scan that verifies the chain and each fact's digest;
after that it is only written (and read back by number for sending). Only `drive` uses it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import apsw

from fellesskap_edge import facts, wal
from fellesskap_edge.ballast import Ballast
from fellesskap_edge.state import Forget, Keep
from fellesskap_edge.store import (
    SCHEMA,
    Facts,
    Found,
    digest_of,
    scan,
    seal_of,
    sealed_moment,
    value,
)
from fellesskap_protocol.buggify import sometimes
from fellesskap_protocol.events import (
    GENESIS,
    AnyEvent,
    Clock,
    Collected,
    CustodyReported,
    Deposited,
    DroppedOff,
    Removed,
    stamped,
)
from fellesskap_protocol.messages import MalformedMessage, decode_event, encode, event_hash

__all__ = [
    "Facts",
    "Found",
    "Journal",
    "JournalDiffers",
    "JournalInUse",
    "JournalUnusable",
    "Stamp",
]

KEPT = timedelta(days=30)
"""How long acknowledged events stay."""
STORE_BYTES_MAX = 64 * 1024 * 1024
"""A larger store drops acknowledged events sooner: 30 days of 200 parcels a day are 25 MiB."""
PRUNED_AT_ONCE = 500
"""Events that one call drops: a slow card must not hold the doors up."""
CUSTODY = (Deposited, Collected, Removed, DroppedOff, CustodyReported)
BUSY_MS = 2000
LOG = "-wal"
"""What SQLite adds to a store's name for the name of its write-ahead log."""
DISK_ERRORS = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.FullError,
    apsw.IOError,
    apsw.PermissionsError,
    apsw.ReadOnlyError,
)
"""The disk refuses; the store itself may be sound. Any other error is damage."""


class JournalUnusable(RuntimeError):
    """The store cannot be opened, read or written: nothing may open. Says which file and why."""


class JournalInUse(JournalUnusable):
    """Another daemon runs on this store."""


class JournalDiffers(RuntimeError):
    """The store holds something else than was believed after a failed commit: begin anew."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the commit writes on each event."""

    at: datetime
    clock: Clock
    boot_id: str
    mono_ms: int


class Journal:
    """Open the store at `path`, or make it; `found` tells what was in it.

    `ballast` is the room to give up when the disk is full; a store larger than `bytes_max` drops
    what is acknowledged sooner. `vfs` names a file system of APSW's, and
    `synchronous` may be less than FULL, for tests of power cuts and of what FULL is good for.
    """

    def __init__(
        self,
        path: Path,
        ballast: Ballast | None = None,
        *,
        bytes_max: int = STORE_BYTES_MAX,
        vfs: str | None = None,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
    ) -> None:
        self.path = path
        self._ballast = ballast
        self._bytes_max = bytes_max
        self._vfs = vfs
        self._synchronous = synchronous
        self._doubtful = False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.found = self._opened()
        except apsw.BusyError:
            raise JournalInUse(f"{path}: another daemon runs on this store") from None
        except (apsw.Error, OSError) as error:
            raise JournalUnusable(f"{path}: {error}") from None
        self.epoch = self.found.epoch
        self.head_seq, self.head_hash = self.found.head_seq, self.found.head_hash
        self.oldest_seq, self.pruned_hash = self.found.oldest_seq, self.found.pruned_hash
        self._trusted_at = self.found.last_trusted
        self.mind_room()

    def _opened(self) -> Found:
        """Open the store; one that cannot be read as what it should be is set aside."""
        try:
            return self._open()
        except DISK_ERRORS:
            raise
        except (apsw.Error, UnicodeDecodeError) as error:
            self._set_file_aside()
            why = f"{self.path}: {error}"
            return replace(self._open(), broken=why, damaged=(("store", "all of it"),))

    def _open(self) -> Found:
        self._db = apsw.Connection(str(self.path), vfs=self._vfs)
        try:
            if why := wal.damage(self._log()):
                raise apsw.CorruptError(why)
            self._db.set_busy_timeout(BUSY_MS)
            # One daemon per locker: the lock is held for good, and a second one is told so.
            self._db.pragma("locking_mode", "EXCLUSIVE")
            # A new file turns to WAL by a rollback journal. Were its folder not synced after that,
            # a power cut could bring it back, and it would undo all that was checkpointed since.
            self._db.pragma("synchronous", "EXTRA")
            self._db.pragma("journal_mode", "WAL")
            self._db.pragma("synchronous", self._synchronous)
            self._db.execute("BEGIN IMMEDIATE; " + SCHEMA + "COMMIT")
            return scan(self._db)
        except DISK_ERRORS:
            self._db.close(True)
            raise

    def _log(self) -> bytes:
        """Return the write-ahead log as it lies on the disk; b"" if there is none."""
        # As a log it could not be opened before its store is there.
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_MAIN_DB
        try:
            log = apsw.VFSFile(self._vfs or "", f"{self.path}{LOG}", [flags, 0])
        except apsw.CantOpenError:
            return b""
        try:
            return log.xRead(log.xFileSize(), 0)
        finally:
            log.xClose()

    def _set_file_aside(self) -> None:
        """Keep what cannot be read for whoever wants to look, and begin with an empty store."""
        self._db.close(True)
        aside = self.path.with_suffix(".damaged")
        for tail in ("", LOG):  # and no log of one that was set aside before
            Path(f"{aside}{tail}").unlink(missing_ok=True)
            if (kept := Path(f"{self.path}{tail}")).exists():
                kept.rename(f"{aside}{tail}")
        for tail in ("-shm", "-journal"):
            Path(f"{self.path}{tail}").unlink(missing_ok=True)

    @property
    def roomy(self) -> bool:
        """Say whether the room set aside is still there: if not, it is kept for pickups."""
        return self._ballast is None or self._ballast.held

    def mind_room(self) -> None:
        """Set room aside again if the disk has it."""
        if self._ballast is not None:
            self._ballast.fill()

    def commit(
        self,
        events: Iterable[AnyEvent],
        changes: Iterable[Keep | Forget],
        stamp: Stamp,
        *,
        new_epoch: str | None = None,
    ) -> None:
        """Stamp, chain and store events and facts in one durable transaction.

        With `new_epoch` they are the first of it; the old epoch's events are set aside. A full disk
        gets the room of the ballast. Raises `JournalUnusable` (disk full, read-only, broken) with
        nothing stored that will be believed.
        """
        seq, prev = (0, GENESIS) if new_epoch else (self.head_seq, self.head_hash)
        rows = []
        for event in events:
            seq += 1
            body = encode(
                stamped(
                    event,
                    seq=seq,
                    prev=prev,
                    at=stamp.at,
                    clock=stamp.clock,
                    boot_id=stamp.boot_id,
                    mono_ms=stamp.mono_ms,
                )
            )
            prev = event_hash(body)
            rows.append((seq, body))
        changes = tuple(changes)
        epoch = new_epoch or self.epoch
        try:
            try:
                self._write(epoch, rows, changes, prev)
            except apsw.FullError:
                if self._ballast is None or not self._ballast.release():
                    raise
                self._write(epoch, rows, changes, prev)
        except apsw.Error as error:
            self._doubtful = True
            raise JournalUnusable(f"{self.path}: {error}") from None
        self._doubtful = False
        self.head_seq, self.head_hash = seq, prev
        if rows and stamp.clock == "trusted":
            self._trusted_at = stamp.at
        if new_epoch:
            self.epoch, self.oldest_seq, self.pruned_hash = new_epoch, 1, GENESIS

    def _write(
        self,
        epoch: str,
        rows: Sequence[tuple[int, bytes]],
        changes: Sequence[Keep | Forget],
        head_hash: str,
    ) -> None:
        with self._transaction():
            if epoch != self.epoch:
                self._set_aside(epoch)
            self._db.executemany("INSERT INTO events VALUES (?, ?)", rows)
            # Nothing follows the last event yet that would hold its hash.
            seal = seal_of(epoch, head_hash)
            self._db.execute("INSERT OR REPLACE INTO store VALUES ('head', ?)", (seal,))
            for change in changes:
                self._change(change)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._check_doubt()
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite itself rolls back after some errors
                self._db.execute("ROLLBACK")
            raise

    def _check_doubt(self) -> None:
        """A commit that failed may have reached the disk all the same."""
        if self._doubtful and value(self._db, "head") != seal_of(self.epoch, self.head_hash):
            raise JournalDiffers(f"{self.path}: a commit that failed was stored")

    def _set_aside(self, new_epoch: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO closed_events SELECT ?, seq, body FROM events", (self.epoch,)
        )
        self._db.execute("DELETE FROM events")
        self._db.execute("INSERT OR REPLACE INTO store VALUES ('epoch', ?)", (new_epoch,))
        if self._trusted_at is not None:  # the events that told it do not count any more
            told = sealed_moment(self._trusted_at)
            self._db.execute("INSERT OR REPLACE INTO store VALUES ('trusted', ?)", (told,))

    def _change(self, change: Keep | Forget) -> None:
        if isinstance(change, Forget):
            self._db.execute(
                "DELETE FROM facts WHERE kind = ? AND key = ?", (change.kind, change.key)
            )
            return
        body = facts.encode(change.fact)
        digest = digest_of(change.kind, change.key, body)
        self._db.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)",
            (change.kind, change.key, body, digest),
        )

    def read(self, first_seq: int, limit: int) -> Sequence[bytes]:
        """Return the stored bytes of up to `limit` events from `first_seq` on.

        Raises `JournalUnusable`.
        """
        try:
            rows = self._db.execute(
                "SELECT body FROM events WHERE seq >= ? ORDER BY seq LIMIT ?", (first_seq, limit)
            )
            return [bytes(body) for (body,) in rows]
        except apsw.Error as error:
            raise JournalUnusable(f"{self.path}: {error}") from None

    def prune(self, acked_seq: int, now: datetime) -> bool:
        """Drop acknowledged events older than `KEPT`, the newest one never; say if more may go.

        While the store is larger than `bytes_max` younger ones go too; of these, what tells
        of custody is set aside with the closed epochs, until its time is over. Raises
        `JournalUnusable`.
        """
        try:
            last = self._prune_events(acked_seq, now)
            closed = self._prune_closed(now, custody_too=not last)
        except apsw.Error as error:
            raise JournalUnusable(f"{self.path}: {error}") from None
        return max(last, closed) == PRUNED_AT_ONCE

    def _prune_events(self, acked_seq: int, now: datetime) -> int:
        large = self._used_bytes() > self._bytes_max or sometimes("edge.store_is_large")
        gone: list[bytes] = []
        custody: list[tuple[str, int, bytes]] = []
        for seq, body in self._db.execute(
            "SELECT seq, body FROM events WHERE seq <= ? ORDER BY seq LIMIT ?",
            (min(acked_seq, self.head_seq - 1), PRUNED_AT_ONCE),
        ):
            event = decode_event(body)
            old = now - event.at > KEPT
            if not (old or large):
                break
            gone.append(body)
            if not old and isinstance(event, CUSTODY):
                custody.append((self.epoch, seq, body))
        if gone:
            oldest_seq = self.oldest_seq + len(gone)
            with self._transaction():
                self._db.executemany(
                    "INSERT OR REPLACE INTO closed_events VALUES (?, ?, ?)", custody
                )
                self._db.execute("DELETE FROM events WHERE seq < ?", (oldest_seq,))
            self.oldest_seq, self.pruned_hash = oldest_seq, event_hash(gone[-1])
        return len(gone)

    def _prune_closed(self, now: datetime, *, custody_too: bool) -> int:
        """Drop what was set aside and is old; for want of room the rest, last of all."""
        large = custody_too and self._used_bytes() > self._bytes_max
        gone: list[tuple[str, int]] = []
        for epoch, seq, body in self._db.execute(
            "SELECT epoch, seq, body FROM closed_events LIMIT ?", (PRUNED_AT_ONCE,)
        ):
            if large or _is_old(body, now):
                gone.append((epoch, seq))
        if gone:
            with self._transaction():
                self._db.executemany("DELETE FROM closed_events WHERE epoch = ? AND seq = ?", gone)
        return len(gone)

    def _used_bytes(self) -> int:
        pages = self._db.pragma("page_count") - self._db.pragma("freelist_count")
        return int(pages * self._db.pragma("page_size"))

    def close(self) -> None:
        """Close the store, whatever its disk says."""
        self._db.close(True)


def _is_old(body: bytes, now: datetime) -> bool:
    """Say whether the time of something set aside is over; damage is of no use to anybody."""
    try:
        return now - decode_event(body).at > KEPT
    except MalformedMessage:
        return True
