"""What is left when it is over: each locker's journal from its own store, the ledger, the heads.

Read at the very end and put into the history at the true time of each entry: an event bears the
machine's monotonic clock, a ledger's row the backend's wall clock, which no fault touches.
"""

import sqlite3
from contextlib import closing
from functools import partial

import psycopg

from fellesskap_edge.journal_reader import read
from fellesskap_protocol.messages import decode_event, event_hash
from tests.judge import history
from tests.nemesis.building import Building
from tests.nemesis.chronicle import Chronicle
from tests.system.house import wait_for

SETTLED_S_MAX = 120.0
"""How long the last journals and rights may take: twice the longest timer of a resend."""
AGREE_S = 0.002
"""How far an entry may seem to be before its cause: it bears whole milliseconds, rounded down, and
the clocks of two processes agree to about one more."""
LEDGER = (
    "SELECT epoch, body, recorded_at FROM ledger WHERE locker_id = %s ORDER BY recorded_at, seq"
)


def settled(building: Building) -> None:
    """Wait until every journal is recorded to its head and every right is applied."""
    for locker in building.lockers:
        wait_for(f"{locker} owes nothing", partial(_owes_nothing, building, locker), SETTLED_S_MAX)


def _owes_nothing(building: Building, locker: str) -> bool:
    store = building.lockers[locker].folder / "state" / "journal.sqlite"
    found = read(store)
    with building.connect() as admin:
        row = admin.execute(
            "SELECT max(seq) FROM ledger WHERE locker_id = %s AND epoch = %s",
            (locker, found.epoch),
        ).fetchone()
        wish = admin.execute(
            "SELECT revision, applied_revision FROM lockers WHERE id = %s", (locker,)
        ).fetchone()
    assert row is not None
    assert wish is not None
    return bool(row[0] == found.head_seq and wish[0] == wish[1])


def gather(building: Building) -> None:
    """Write journals, ledger and heads into the history; the daemons are ended first."""
    for name, part in building.parts.items():
        if name.startswith("edge:"):
            part.end()
    for locker, place in building.lockers.items():
        store = place.folder / "state" / "journal.sqlite"
        epoch = read(store).epoch
        with closing(sqlite3.connect(store)) as database:
            bodies = [body for (body,) in database.execute("SELECT body FROM events ORDER BY seq")]
        _journal(building.chronicle, locker, epoch, [bytes(one) for one in bodies])
        with building.connect() as admin:
            _ledger(building.chronicle, locker, admin)


def _journal(chronicle: Chronicle, locker: str, epoch: str, bodies: list[bytes]) -> None:
    for body in bodies:
        at = decode_event(body).mono_ms / 1000 + AGREE_S - chronicle.began_mono
        chronicle.add(history.Journalled(at=max(at, 0.0), locker=locker, epoch=epoch, event=body))
    chronicle.add(_head(chronicle, "store", locker, epoch, bodies))


def _ledger(
    chronicle: Chronicle, locker: str, admin: "psycopg.Connection[tuple[object, ...]]"
) -> None:
    bodies, epoch = [], ""
    for found, body, recorded_at in admin.execute(LEDGER, (locker,)).fetchall():
        epoch, stored = str(found), bytes(body)  # type: ignore[call-overload]
        at = recorded_at.timestamp() - chronicle.began_wall  # type: ignore[attr-defined]
        bodies.append(stored)
        chronicle.add(history.Recorded(at=at, locker=locker, epoch=epoch, event=stored))
    chronicle.add(_head(chronicle, "ledger", locker, epoch, bodies))


def _head(
    chronicle: Chronicle, of: str, locker: str, epoch: str, bodies: list[bytes]
) -> history.Head:
    return history.Head(
        at=chronicle.now,
        of=of,  # type: ignore[arg-type]
        locker=locker,
        epoch=epoch,
        seq=len(bodies),
        hash=event_hash(bodies[-1]) if bodies else "",
    )
