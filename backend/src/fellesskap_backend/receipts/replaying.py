"""Everything that was decided, derived again and compared with what carriers were told of it.

Each locker's chain is walked and its log folded; it must have been decided by the rules that were
published for that day, and these must have been announced before they counted. Each receipt must
say what the body says and stand under the root that was published; each tree must be made of its
receipts and nothing else; each month that was counted must be what its decisions come to.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, TypedDict

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from fellesskap_backend.cut_offs import consistency as announced
from fellesskap_backend.cut_offs.tables import AnnouncedDay, CutOff
from fellesskap_backend.db import instant, table_of
from fellesskap_backend.decisions.batches import hash_of, key_of
from fellesskap_backend.decisions.record import Head, altered
from fellesskap_backend.decisions.replay import Fold, runs
from fellesskap_backend.decisions.service import AT_ONCE, link
from fellesskap_backend.decisions.tables import Decision
from fellesskap_backend.lockers.tables import Locker
from fellesskap_backend.neutrality import recounting
from fellesskap_backend.operators.tables import OperatorAct
from fellesskap_backend.policies import consistency
from fellesskap_backend.policies.comparing import Published, Rows
from fellesskap_backend.policies.consistency import ACTS
from fellesskap_backend.policies.tables import QuotaReview, StandingRow
from fellesskap_backend.receipts.checking import (
    Committed,
    Root,
    derived,
    is_whole,
    published,
    ruled,
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
        self._rows = Rows.of(session)
        self._published = Published(self._rows)
        self._explained: set[datetime] = set()
        self.found = Replayed(lockers=0, decisions=0, receipts=0, hours=0, altered=[])

    def run(self, locker_id: str | None = None) -> Replayed:
        """Derive all again, or one locker; trees are built again only with all."""
        self.found["altered"] += [*self._published.altered, *self._contradictions()]
        self._read_roots()
        lockers = _LOCKERS if locker_id is None else _LOCKERS.where(Locker.id == locker_id)
        for at, decided, last in self._session.execute(lockers).all():
            self.found["lockers"] += 1
            self._locker(at, decided, last)
        if locker_id is None:
            self._trees()
            self.found["altered"] += recounting.differing(self._session)
        return self.found

    def total(self, locker_id: str | None = None) -> int:
        """Return how many decisions there are to derive."""
        counted = _TOTAL if locker_id is None else _TOTAL.where(Locker.id == locker_id)
        return int(self._session.scalar(counted) or 0)

    def _contradictions(self) -> Iterator[str]:
        """Yield rows of announcements that contradict each other, their acts, or the day's key."""
        versions, rows = self._published.versions, self._rows
        zone = next(reversed(versions.values()), None)
        acts = self._session.scalars(_ACTS).all()
        yield from consistency.of_policies(rows.policies, acts)
        yield from consistency.of_weights(rows.weights, zone, acts)
        yield from consistency.of_standings(self._session.scalars(_STANDINGS), zone, acts)
        yield from consistency.of_reviews(self._session.scalars(_REVIEWS).all(), zone, acts)
        days = self._session.scalars(_DAYS).all()
        yield from announced.of_days(days, versions, self._published.in_force)
        yield from announced.of_cut_offs(self._session.scalars(_ALL_CUT_OFFS), days, versions)
        for row in days:
            if row.key_hash != hash_of(self._key_of(row.day)):
                yield f"lots of {row.day.isoformat()}: not the key that was announced"

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
        decided_at = {(row.day, instant(row.at)): row.decided_at for row in cut_offs}
        for run in runs(self._stream(_FORWARDS, of_it)):
            checked = derived(fold, run, broken)
            for row, differs in zip(run.links, checked, strict=True):
                gone.discard(row.number)
                why = ["altered"] if row.number in broken else []
                why += differs
                why += ruled(row, row.decided_at, self._published, decided_at)
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
_CUT_OFFS = select(CutOff.day, CutOff.at, CutOff.decided_at).where(
    CutOff.locker_id == bindparam("at_locker")
)
_ALL_CUT_OFFS = select(CutOff).order_by(CutOff.locker_id, CutOff.at)
_ACTS = select(OperatorAct).where(OperatorAct.act.in_(ACTS)).order_by(OperatorAct.id)
_STANDINGS = select(StandingRow).order_by(StandingRow.day)
_REVIEWS = select(QuotaReview).order_by(QuotaReview.locker_id, QuotaReview.quarter)
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
