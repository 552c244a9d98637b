"""Look into a store without touching it: verify the chain and every fact, give its rows to print.

The daemon holds its store locked, so a copy is read, in a temporary folder that is gone when `read`
returns. Nothing is changed beside the store, and no lock is taken. A row shows codes and labels as
the MACs that the journal holds; keys are never shown. For `fellesskap-edge journal`.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import msgspec

from fellesskap_edge import wal
from fellesskap_edge.journal import LOG, JournalUnusable
from fellesskap_edge.store import Found, scan
from fellesskap_protocol.events import event_type
from fellesskap_protocol.messages import MalformedMessage, decode_event

COPIES_MAX = 5
"""A daemon that writes its log back while we copy makes the copy useless; it does so seldom."""
STAMP_FIELDS = frozenset({"type", "seq", "prev", "at", "clock", "boot_id", "mono_ms"})


@dataclass(frozen=True, slots=True)
class Row:
    """One event: `said` holds its fields without the stamp; `at` is None if it is no event."""

    seq: int
    at: datetime | None
    type: str
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What a store holds; `events` are its rows in order, read as they are taken.

    `broken` says why the history cannot be believed; `damaged` names facts (kind, key) whose digest
    does not fit; `facts` counts the sound ones by kind.
    """

    epoch: str
    head_seq: int
    oldest_seq: int
    broken: str | None
    damaged: tuple[tuple[str, str], ...]
    facts: Mapping[str, int]
    events: Iterator[Row]


def read(path: Path) -> Report:
    """Read the store at `path`; raise `JournalUnusable` if there is none or it cannot be copied."""
    with TemporaryDirectory(prefix="fellesskap-journal-") as name:
        copy = _copied(path, Path(name))
        log = copy.with_name(copy.name + LOG)
        why = wal.damage(log.read_bytes()) if log.exists() else None
        db = apsw.Connection(str(copy))
        # All that is needed stays open; the files themselves go with their folder.
        db.pragma("locking_mode", "EXCLUSIVE")
        report = _report(db)
        return replace(report, broken=why or report.broken)


def _report(db: apsw.Connection) -> Report:
    try:
        found = scan(db)
    except (apsw.Error, UnicodeDecodeError) as error:
        return Report("", 0, 1, f"{error}", (), {}, iter(()))
    return _of(found, _rows(db))


def _of(found: Found, rows: Iterator[Row]) -> Report:
    return Report(
        epoch=found.epoch,
        head_seq=found.head_seq,
        oldest_seq=found.oldest_seq,
        broken=found.broken,
        damaged=found.damaged,
        facts=Counter(kind for kind, _ in found.facts),
        events=rows,
    )


def _rows(db: apsw.Connection) -> Iterator[Row]:
    for seq, body in db.execute("SELECT seq, body FROM events ORDER BY seq"):
        try:
            event = decode_event(body)
        except (MalformedMessage, TypeError) as error:
            yield Row(seq, None, "unreadable", {"why": str(error)})
            continue
        fields = msgspec.to_builtins(event)
        said = {name: what for name, what in fields.items() if name not in STAMP_FIELDS}
        yield Row(seq, event.at, event_type(event), said)


def _copied(path: Path, folder: Path) -> Path:
    """Copy the store and its log; again if the daemon wrote the log back meanwhile."""
    log, copy = path.with_name(path.name + LOG), folder / "journal.sqlite"
    copied = copy.with_name(copy.name + LOG)
    try:
        for _ in range(COPIES_MAX):
            before = _state(path)
            shutil.copyfile(path, copy)
            copied.unlink(missing_ok=True)
            if log.exists():
                shutil.copyfile(log, copied)
            if _state(path) == before:
                return copy
    except OSError as error:
        raise JournalUnusable(f"{path}: {error.strerror}") from None
    raise JournalUnusable(f"{path}: the daemon writes too fast to read beside it")


def _state(path: Path) -> tuple[int, int]:
    """Return what changes when the log is written back into the store."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
