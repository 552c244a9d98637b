"""The one store of the edge: events in a hash chain, and the facts that must survive. APSW.

WAL and `synchronous=FULL`: what `commit` returned from survives a power cut (docs/decisions/0003).
The store is read once, at the start, by a full scan that verifies the chain and each fact's digest;
after that it is only written (and read back by number for sending). Only `drive` uses it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fellesskap_edge import facts
from fellesskap_edge.facts import Fact, FactKind
from fellesskap_edge.state import Forget, Keep
from fellesskap_protocol.events import GENESIS, AnyEvent, Clock, HardwareDescribed, stamped
from fellesskap_protocol.messages import MalformedMessage, decode_event, encode, event_hash

KEPT = timedelta(days=30)
"""How long acknowledged events stay."""
BUSY_MS = 2000
DISK_ERRORS = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.FullError,
    apsw.IOError,
    apsw.PermissionsError,
    apsw.ReadOnlyError,
)
"""The disk refuses; the store itself may be sound. Any other error is damage."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS store (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS closed_events (
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (
    kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
"""
Facts = dict[tuple[FactKind, str], Fact]


class JournalUnusable(RuntimeError):
    """The store cannot be opened or written: nothing may open. Says which file and why."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the commit writes on each event."""

    at: datetime
    clock: Clock
    boot_id: str
    mono_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the scan at the start found; `broken` says why the history cannot go on."""

    facts: Facts
    damaged: tuple[tuple[str, str], ...]
    broken: str | None
    last_trusted: datetime | None
    hardware_digest: str | None


class Journal:
    """Open the store at `path`, or make it; `found` tells what was in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.found = self._opened()
        except apsw.BusyError:
            raise JournalUnusable(f"{path}: another daemon runs on this store") from None
        except (apsw.Error, OSError) as error:
            raise JournalUnusable(f"{path}: {error}") from None

    def _opened(self) -> Found:
        """Open the store; one that cannot be read as what it should be is set aside."""
        try:
            return self._open()
        except DISK_ERRORS:
            raise
        except (apsw.Error, UnicodeDecodeError) as error:
            self._set_file_aside()
            return replace(self._open(), broken=f"{self.path}: {error}")

    def _open(self) -> Found:
        self._db = apsw.Connection(str(self.path))
        self._db.set_busy_timeout(BUSY_MS)
        # One daemon per locker: the lock is held for good, and a second one is told so.
        self._db.pragma("locking_mode", "EXCLUSIVE")
        self._db.pragma("journal_mode", "WAL")
        self._db.pragma("synchronous", "FULL")
        self._db.execute("BEGIN IMMEDIATE; " + SCHEMA + "COMMIT")
        if (said := self._db.pragma("integrity_check")) != "ok":
            # A broken page can hide intact rows: of facts no chain would tell.
            raise apsw.CorruptError(str(said))
        self.epoch = self._value("epoch")
        self.head_seq, self.oldest_seq, self.head_hash = 0, 1, GENESIS
        return self._scan()

    def _set_file_aside(self) -> None:
        """Keep what cannot be read for whoever wants to look, and begin with an empty store."""
        self._db.close(True)
        self.path.rename(self.path.with_suffix(".damaged"))
        for tail in ("-wal", "-shm"):
            self.path.with_name(self.path.name + tail).unlink(missing_ok=True)

    def _value(self, name: str) -> str:
        return str(self._db.execute("SELECT value FROM store WHERE name = ?", (name,)).get or "")

    def _scan(self) -> Found:
        kept, damaged = self._scan_facts()
        broken: str | None = None
        trusted: datetime | None = None
        hardware: str | None = None
        prev: str | None = None
        for seq, body in self._db.execute("SELECT seq, body FROM events ORDER BY seq"):
            try:
                event = decode_event(body)
            except (MalformedMessage, TypeError) as error:
                broken = f"event {seq}: {error}"
                break
            if prev is None:
                self.oldest_seq, self.head_seq = seq, seq - 1
                prev = GENESIS if seq == 1 else event.prev
            if not seq == event.seq == self.head_seq + 1 or event.prev != prev:
                broken = f"event {seq} does not follow the one before"
                break
            self.head_seq, prev = seq, event_hash(body)
            trusted = event.at if event.clock == "trusted" else trusted
            if isinstance(event, HardwareDescribed):
                hardware = event.digest
        self.head_hash = prev or GENESIS
        if self.epoch and not broken and self.head_hash != self._value("head"):
            broken = f"event {self.head_seq} is not the one that was written last"
        return Found(kept, tuple(damaged), broken, trusted, hardware)

    def _scan_facts(self) -> tuple[Facts, list[tuple[str, str]]]:
        kept: Facts = {}
        damaged: list[tuple[str, str]] = []
        for kind, key, body, digest in self._db.execute(
            "SELECT kind, key, body, digest FROM facts"
        ):
            fact = _fact(kind, key, body, digest)
            if fact is None:
                damaged.append((str(kind), str(key)))
            else:
                kept[kind, key] = fact
        return kept, damaged

    def commit(
        self,
        events: Iterable[AnyEvent],
        changes: Iterable[Keep | Forget],
        stamp: Stamp,
        *,
        new_epoch: str | None = None,
    ) -> None:
        """Stamp, chain and store events and facts in one durable transaction.

        With `new_epoch` they are the first of it; the old epoch's events are set aside. Raises
        `JournalUnusable` (disk full, read-only, broken) with nothing stored.
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
        try:
            with self._db:
                if new_epoch:
                    self._set_aside(new_epoch)
                self._db.executemany("INSERT INTO events VALUES (?, ?)", rows)
                # Nothing follows the last event yet that would hold its hash.
                self._db.execute("INSERT OR REPLACE INTO store VALUES ('head', ?)", (prev,))
                for change in changes:
                    self._change(change)
        except apsw.Error as error:
            raise JournalUnusable(f"{self.path}: {error}") from None
        self.head_seq, self.head_hash = seq, prev
        if new_epoch:
            self.epoch, self.oldest_seq = new_epoch, 1

    def _set_aside(self, new_epoch: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO closed_events SELECT ?, seq, body FROM events", (self.epoch,)
        )
        self._db.execute("DELETE FROM events")
        self._db.execute("INSERT OR REPLACE INTO store VALUES ('epoch', ?)", (new_epoch,))

    def _change(self, change: Keep | Forget) -> None:
        if isinstance(change, Forget):
            self._db.execute(
                "DELETE FROM facts WHERE kind = ? AND key = ?", (change.kind, change.key)
            )
            return
        body = facts.encode(change.fact)
        digest = _digest(change.kind, change.key, body)
        self._db.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)",
            (change.kind, change.key, body, digest),
        )

    def read(self, first_seq: int, limit: int) -> Sequence[bytes]:
        """Return the stored bytes of up to `limit` events from `first_seq` on."""
        rows = self._db.execute(
            "SELECT body FROM events WHERE seq >= ? ORDER BY seq LIMIT ?", (first_seq, limit)
        )
        return [bytes(body) for (body,) in rows]

    def prune(self, acked_seq: int, now: datetime) -> None:
        """Drop acknowledged events older than `KEPT`, the newest one never."""
        last = 0
        for seq, body in self._db.execute(
            "SELECT seq, body FROM events WHERE seq <= ? ORDER BY seq", (acked_seq,)
        ):
            if seq == self.head_seq or now - decode_event(body).at <= KEPT:
                break
            last = seq
        with self._db:
            self._db.execute("DELETE FROM events WHERE seq <= ?", (last,))
        self.oldest_seq = max(self.oldest_seq, last + 1)

    def close(self) -> None:
        """Close the store."""
        self._db.close()


def _digest(kind: str, key: str, body: bytes) -> bytes:
    return sha256(b"\x00".join((kind.encode(), key.encode(), body))).digest()


def _fact(kind: Any, key: Any, body: Any, digest: bytes) -> Fact | None:
    """Return a stored fact, None if it is damaged: a flipped bit can change a column's type too."""
    if kind not in facts.CLASSES or not (isinstance(key, str) and isinstance(body, bytes)):
        return None
    try:
        return facts.decode(kind, body) if _digest(kind, key, body) == digest else None
    except (KeyError, msgspec.DecodeError):
        return None
