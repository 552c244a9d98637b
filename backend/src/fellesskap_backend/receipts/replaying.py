"""Everything that was decided, derived again and compared with what carriers were told of it.

Each locker's chain is walked and its log folded; it must have been decided by the rules that were
published for that day. Each receipt must say what the body says and stand under the root that was
published; each tree must be made of its receipts and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, TypedDict

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import instant, table_of
from fellesskap_backend.decisions.batches import batch_in, hash_of, key_of
from fellesskap_backend.decisions.record import Head, altered
from fellesskap_backend.decisions.replay import Fold, runs
from fellesskap_backend.decisions.service import AT_ONCE, link
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.policies.comparing import Published
from fellesskap_backend.receipts.checking import (
    Committed,
    Root,
    derived,
    is_whole,
    published,
    stands,
)
from fellesskap_backend.receipts.hours import HOUR, first_seen, hour_of
from fellesskap_backend.receipts.tables import AuditRoot, Receipt
from fellesskap_backend.receipts.told import is_of
from fellesskap_backend.secrets import Secrets
from fellesskap_protocol.signing import unb64url

Roots = dict[datetime, Root]


class Replayed(TypedDict):
    """What was derived, and every row that differs."""

    lockers: int
    decisions: int
    receipts: int
    hours: int
    altered: list[str]
    """`oslo-1: decision 7: altered or gone`, `2027-03-01T08:00:00Z: not what was signed`."""


class Replay:
    """One run over a database; `count` is told of every decision."""

    def __init__(
        self, session: Session, secrets: Secrets, count: Callable[[], object] = lambda: None
    ) -> None:
        self._session = session
        self._issuer = secrets.installation
        self._names = {secrets.signing.kid, *secrets.retired}
        self._count = count
        self._key_of = partial(key_of, secrets.k_master)
        self._roots: Roots = {}
        self._published = Published(session)
        self._explained: set[datetime] = set()
        self.found = Replayed(lockers=0, decisions=0, receipts=0, hours=0, altered=[])

    def run(self, locker_id: str | None = None) -> Replayed:
        """Derive all again, or one locker; trees are built again only with all."""
        for what in self._published.altered:
            self.found["altered"].append(what)
        for row in self._session.scalars(_DAYS):
            if row.key_hash != hash_of(self._key_of(row.day)):
                self._differs(f"lots of {row.day.isoformat()}", "not the key that was announced")
        self._read_roots()
        lockers = _LOCKERS if locker_id is None else _LOCKERS.where(Locker.id == locker_id)
        for at, decided, last in self._session.execute(lockers).all():
            self.found["lockers"] += 1
            self._locker(at, decided, last)
        if locker_id is None:
            self._trees()
        return self.found

    def total(self, locker_id: str | None = None) -> int:
        """Return how many decisions there are to derive."""
        counted = _TOTAL if locker_id is None else _TOTAL.where(Locker.id == locker_id)
        return int(self._session.scalar(counted) or 0)

    def _read_roots(self) -> None:
        expected: datetime | None = None
        for row in self._session.scalars(_ROOTS):
            while expected is not None and expected < row.hour:
                self._differs(instant(expected), "no root")
                expected += HOUR
            expected = row.hour + HOUR
            root, same = published(row, self._issuer, self._names)
            self._roots[row.hour] = root
            if not same:
                self._differs(instant(row.hour), "not what was signed")
            self.found["hours"] += 1

    def _locker(self, locker_id: str, decided: int, last: str) -> None:
        of_it = {"at_locker": locker_id, "decided": decided}
        links = map(link, self._stream(_BACKWARDS, {"at_locker": locker_id}))
        broken = set(altered(links, Head(decided, last)))
        fold, gone = Fold(self._key_of), set(broken)
        cut_offs = self._session.execute(_CUT_OFFS, {"at_locker": locker_id})
        announced = {(day, instant(at)) for day, at in cut_offs}
        for run in runs(self._stream(_FORWARDS, of_it)):
            checked = derived(fold, run, broken)
            for row, differs in zip(run.links, checked, strict=True):
                gone.discard(row.number)
                why = ["altered"] if row.number in broken else []
                why += differs
                why += self._ruled(row)
                batch = batch_in(row.body)
                if batch is not None and (batch.day, batch.cut_off) not in announced:
                    why.append("at a cut-off that was not announced")
                why += self._receipt(row)
                if why:
                    self._differs(f"{locker_id}: decision {row.number}", ", ".join(why))
                self.found["decisions"] += 1
                self._count()
        for rules in fold.rules.values():
            for what in self._published.differs(locker_id, rules):
                if what not in self.found["altered"]:
                    self.found["altered"].append(what)
        for number in sorted(gone):
            self._differs(f"{locker_id}: decision {number}", "gone" if number <= decided else "new")

    def _ruled(self, row: Any) -> Iterator[str]:
        """Yield what is wrong with the rules by which was decided."""
        if f'"policy":"{self._published.in_force(row.decided_at)}"' not in row.body:
            yield "not by the rules in force"

    def _receipt(self, row: Any) -> Iterator[str]:
        """Yield what is wrong with the receipt of a decision."""
        if row.told is None:
            if self._roots and first_seen(min(self._roots)) <= row.decided_at < max(self._roots):
                self._explained.add(hour_of(row.decided_at))
                yield "no receipt"
            return
        self.found["receipts"] += 1
        root = self._roots.get(row.hour)
        if root is None:
            yield "no root"
            return
        if row.told_to != row.carrier_id or not _is_of(row, root):
            yield "told otherwise"
        if not stands(Committed(row.told, row.salt, row.place, row.path), root):
            self._explained.add(row.hour)
            yield "not under its root"

    def _trees(self) -> None:
        by_hour = groupby(self._stream(_SALTED), key=lambda row: row.hour)
        salted: Iterable[Any]
        left = set(self._roots)
        for hour, salted in by_hour:
            left.discard(hour)
            self._tree(hour, [(row.salt, row.told) for row in salted])
        for hour in sorted(left):
            self._tree(hour, [])

    def _tree(self, hour: datetime, salted: list[tuple[str, str]]) -> None:
        root = self._roots.get(hour)
        if root is not None and hour not in self._explained and not is_whole(root, salted):
            self._differs(instant(hour), "not the tree of its receipts")

    def _stream(self, statement: Any, parameters: Any = None) -> Iterator[Any]:
        yield from self._session.execute(
            statement.execution_options(yield_per=AT_ONCE), parameters or {}
        )

    def _differs(self, what: str, why: str) -> None:
        self.found["altered"].append(f"{what}: {why}")


def _is_of(row: Any, root: Root) -> bool:
    try:
        return is_of(row.told, row.body, unb64url(root.seed))
    except ValueError:
        return False


_LOCKERS = select(Locker.id, Locker.decided, Locker.decision_hash).order_by(Locker.id)
_DAYS = select(AnnouncedDay).order_by(AnnouncedDay.day)
_CUT_OFFS = select(CutOff.day, CutOff.at).where(CutOff.locker_id == bindparam("at_locker"))
_TOTAL = select(func.sum(Locker.decided))
_ROOTS = select(AuditRoot).order_by(AuditRoot.hour)
_BACKWARDS = (
    select(*table_of(Decision).columns)
    .where(Decision.locker_id == bindparam("at_locker"))
    .order_by(Decision.number.desc())
)
_FORWARDS = (
    select(
        *(Decision.number, Decision.carrier_id, Decision.decided_at, Decision.body),
        *(Receipt.hour, Receipt.told, Receipt.salt, Receipt.place, Receipt.path),
        Receipt.carrier_id.label("told_to"),
    )
    .outerjoin(Receipt, Receipt.decision_id == Decision.id)
    .where(Decision.locker_id == bindparam("at_locker"), Decision.number <= bindparam("decided"))
    .order_by(Decision.number)
)
_SALTED = select(Receipt.hour, Receipt.salt, Receipt.told).order_by(Receipt.hour)
