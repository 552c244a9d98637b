"""What a store holds, and the full scan that verifies it: the chain, the head, each fact's digest.

Reads only. `journal` scans once at the start; `journal_reader` scans a copy for whoever looks.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import apsw
import msgspec

from fellesskap_edge import facts
from fellesskap_edge.facts import Fact, FactKind
from fellesskap_protocol.events import GENESIS, HardwareDescribed
from fellesskap_protocol.messages import MalformedMessage, decode_event, event_hash

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


@dataclass(frozen=True, slots=True)
class Found:
    """What a scan found; `broken` says why the history cannot go on.

    `pruned_hash` is that of the last event before `oldest_seq`: the chain goes on from it.
    """

    epoch: str
    head_seq: int
    oldest_seq: int
    head_hash: str
    pruned_hash: str
    facts: Facts
    damaged: tuple[tuple[str, str], ...]
    broken: str | None
    last_trusted: datetime | None
    hardware_digest: str | None


def scan(db: apsw.Connection) -> Found:
    """Read every row; raise `apsw.CorruptError` if the pages themselves are damaged."""
    if (said := db.pragma("integrity_check")) != "ok":
        # A broken page can hide intact rows: of facts no chain would tell.
        raise apsw.CorruptError(str(said))
    kept, damaged = _scan_facts(db)
    epoch = value(db, "epoch")
    head_seq, oldest_seq, pruned_hash = 0, 1, GENESIS
    broken: str | None = None
    trusted = moment_of(value(db, "trusted"))
    hardware: str | None = None
    prev: str | None = None
    for seq, body in db.execute("SELECT seq, body FROM events ORDER BY seq"):
        try:
            event = decode_event(body)
        except (MalformedMessage, TypeError) as error:
            broken = f"event {seq}: {error}"
            break
        if prev is None:
            oldest_seq, head_seq = seq, seq - 1
            pruned_hash = prev = GENESIS if seq == 1 else event.prev
        if not seq == event.seq == head_seq + 1 or event.prev != prev:
            broken = f"event {seq} does not follow the one before"
            break
        head_seq, prev = seq, event_hash(body)
        trusted = event.at if event.clock == "trusted" else trusted
        if isinstance(event, HardwareDescribed):
            hardware = event.digest
    head_hash = prev or GENESIS
    if epoch and not broken and seal_of(epoch, head_hash) != value(db, "head"):
        broken = f"event {head_seq} is not the one that was written last"
    return Found(
        epoch=epoch,
        head_seq=head_seq,
        oldest_seq=oldest_seq,
        head_hash=head_hash,
        pruned_hash=pruned_hash,
        facts=kept,
        damaged=tuple(damaged),
        broken=broken,
        last_trusted=trusted,
        hardware_digest=hardware,
    )


def value(db: apsw.Connection, name: str) -> str:
    """Return a value of the table `store`, "" if there is none."""
    return str(db.execute("SELECT value FROM store WHERE name = ?", (name,)).get or "")


def seal_of(epoch: str, head_hash: str) -> str:
    """Return what `store.head` holds: no event follows the last one to vouch for it."""
    return sha256(f"{epoch} {head_hash}".encode()).hexdigest()


def sealed_moment(at: datetime) -> str:
    """Return what `store.trusted` holds: the newest trusted time of the epochs before."""
    told = at.isoformat()
    return f"{told} {sha256(told.encode()).hexdigest()}"


def moment_of(sealed: str) -> datetime | None:
    """Return that time, None if there is none or it is damaged."""
    told = sealed.partition(" ")[0]
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return None
    return at if sealed_moment(at) == sealed else None


def digest_of(kind: str, key: str, body: bytes) -> bytes:
    """Return what vouches for one fact."""
    return sha256(b"\x00".join((kind.encode(), key.encode(), body))).digest()


def _scan_facts(db: apsw.Connection) -> tuple[Facts, list[tuple[str, str]]]:
    kept: Facts = {}
    damaged: list[tuple[str, str]] = []
    for kind, key, body, digest in db.execute("SELECT kind, key, body, digest FROM facts"):
        fact = _fact(kind, key, body, digest)
        if fact is None:
            damaged.append((str(kind), str(key)))
        else:
            kept[kind, key] = fact
    return kept, damaged


def _fact(kind: Any, key: Any, body: Any, digest: bytes) -> Fact | None:
    """Return a stored fact, None if it is damaged: a flipped bit can change a column's type too."""
    if kind not in facts.CLASSES or not (isinstance(key, str) and isinstance(body, bytes)):
        return None
    try:
        return facts.decode(kind, body) if digest_of(kind, key, body) == digest else None
    except (KeyError, msgspec.DecodeError):
        return None
